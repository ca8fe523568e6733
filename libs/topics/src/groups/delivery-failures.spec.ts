import { NoSpaceError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, settled } from '../__fixtures__/waiting.js';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import type { Message } from '../message.js';

const orders = useOrders({ manualClock: true });

describe('a message whose handler fails', () => {
  it('holds up its key alone, and the commit, until it is tried again', async () => {
    const seen = new Collector<unknown>();
    await orders.consume({
      retry: { initialMs: 1_000, jitter: 0 },
      handler: ({ value }, { attempt }) => {
        if (value === 'bad' && attempt < 3) throw new Error('no');
        seen.push(value);
      },
    });
    await orders.publish(['a', 1], ['b', 'bad'], ['c', 2], ['b', 3], [null, 4]);
    expect(await seen.atLeast(3)).toEqual([1, 2, 4]);
    await settled();
    expect(orders.committed()).toBe(1);
    await orders.clock.advance(1_000);
    await orders.clock.advance(1_999);
    expect(seen.items).toHaveLength(3);
    await orders.clock.advance(1);
    expect(await seen.atLeast(5)).toEqual([1, 2, 4, 'bad', 3]);
    await settled();
    expect(orders.committed()).toBe(5);
  });

  it('goes to the dead letters in the end, as it was, with the reasons', async () => {
    const buried = orders.watch('dead-letter');
    const seen = new Collector<unknown>();
    await orders.consume({
      retry: { attempts: 3, initialMs: 10, jitter: 0 },
      handler: ({ value }) => {
        if (value === 'bad') throw new TypeError('cannot be done');
        seen.push(value);
      },
    });
    await orders.topic.publish({ key: 'k', value: 'bad', headers: { trace: 't1' }, timestamp: 0 });
    await orders.topic.publish({ key: 'k', value: 'next' });
    await orders.clock.untilSleeping();
    const firstFailedAt = new Date(orders.clock.now()).toISOString();
    await orders.clock.advance(30);
    await buried.atLeast(1);
    expect(await seen.atLeast(1)).toEqual(['next']);
    const [letter] = await orders.deadLetters();
    expect([letter!.key, letter!.value]).toEqual(['k', 'bad']);
    expect(letter!.headers).toEqual({
      trace: 't1',
      'genrocks-dlq-reason': 'cannot be done',
      'genrocks-dlq-error': 'TypeError',
      'genrocks-dlq-kind': 'message',
      'genrocks-dlq-topic': 'orders',
      'genrocks-dlq-partition': '0',
      'genrocks-dlq-offset': '0',
      'genrocks-dlq-group': 'g',
      'genrocks-dlq-attempts': '3',
      'genrocks-dlq-first-failed-at': firstFailedAt,
      'genrocks-dlq-last-failed-at': new Date(orders.clock.now()).toISOString(),
      'genrocks-dlq-published-at': '1970-01-01T00:00:00.000Z',
    });
    expect(buried.items[0]).toMatchObject({ offset: 0, attempts: 3, deadLetterTopic: 'orders.dlq' });
    await settled();
    expect(orders.committed()).toBe(2);
  });

  it.each([
    ['RejectMessage', { handler: () => Promise.reject(new RejectMessage('never')) }],
    ['an error that retryIf knows', { retry: { retryIf: () => false }, handler: failing }],
    ['retry: false', { retry: false as const, handler: failing }],
  ])('is not tried again after %s', async (_what, options) => {
    const buried = orders.watch('dead-letter');
    const group = await orders.consume({ ...options, deadLetter: 'graveyard' });
    await orders.publish(['a', 1]);
    await buried.atLeast(1);
    expect(group.stats()).toMatchObject({ failed: 1, deadLettered: 1, handled: 0 });
    expect(await orders.deadLetters('graveyard')).toHaveLength(1);
  });

  it('of which the codec can make nothing is not tried again, and its bytes are kept', async () => {
    const buried = orders.watch('dead-letter');
    await orders.consume({ handler: ({ value }) => void value });
    await orders.topic.publish({ value: Buffer.from('{not json') });
    await buried.atLeast(1);
    expect((await orders.deadLetters())[0]!.valueBytes!.toString()).toBe('{not json');
  });

  it('waits as long as RetryAfter says', async () => {
    const done = new Collector<number>();
    await orders.consume({
      handler: (_message, { attempt }) => {
        if (attempt === 1) throw new RetryAfter(5_000);
        done.push(orders.clock.now());
      },
    });
    const before = orders.clock.now();
    await orders.publish(['a', 1]);
    await orders.clock.untilSleeping();
    await orders.clock.advance(4_999);
    expect(done.items).toEqual([]);
    await orders.clock.advance(1);
    expect(await done.atLeast(1)).toEqual([before + 5_000]);
  });

  it('is not lost while the dead letters cannot be written, and holds up nothing but its key', async () => {
    const errors = orders.watch('consumer-error');
    const seen = new Collector<unknown>();
    let full = true;
    orders.running.adapter.onWrite = (name) => {
      if (full && name === 'orders.dlq') throw new NoSpaceError('it');
    };
    await orders.consume({
      retry: false,
      handler: ({ value }) => (value === 'bad' ? failing() : seen.push(value)),
    });
    await orders.publish(['a', 'bad'], ['a', 1], ['b', 2]);
    await errors.atLeast(1);
    expect(await seen.atLeast(1)).toEqual([2]);
    expect(orders.committed()).toBe(0);
    full = false;
    await orders.clock.untilSleeping();
    await orders.clock.advance(100);
    expect(await seen.atLeast(2)).toEqual([2, 1]);
    expect(await orders.deadLetters()).toHaveLength(1);
  });

  it('too large for its dead-letter headers still gets there', async () => {
    orders.running.adapter.supports.maxValueBytes satisfies number;
    const value = Buffer.alloc(1024 * 1024 - 20);
    const buried = orders.watch('dead-letter');
    await orders.consume({ retry: false, handler: failing });
    await orders.topic.publish({ value });
    await buried.atLeast(1);
    // Not toEqual, which takes seconds for a megabyte.
    expect((await orders.deadLetters())[0]!.valueBytes?.equals(value)).toBe(true);
  });

  it('is reported and skipped without dead letters', async () => {
    const dropped = orders.watch('message-dropped');
    await orders.consume({ retry: false, deadLetter: false, handler: failing });
    await orders.publish(['a', 1]);
    expect(await dropped.atLeast(1)).toMatchObject([{ group: 'g', offset: 0, attempts: 1 }]);
    await settled();
    expect([orders.committed(), orders.service.hasTopic('orders.dlq')]).toEqual([1, false]);
  });
});

describe('delivery over any failures', () => {
  it('handles or buries every message once, keeps the order of keys, and never commits what is not done', async () => {
    const message = fc.record({ key: fc.option(fc.constantFrom('a', 'b', 'c')), failures: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        async (messages, concurrency, maxInFlight, batched) => {
          const name = 'orders';
          await orders.service.deleteTopic(name);
          if (orders.service.hasTopic('orders.dlq')) await orders.service.deleteTopic('orders.dlq');
          orders.topic = await orders.service.startTopic(name);
          const finished = new Set<number>();
          const order: number[] = [];
          const failed = new Map<number, number>();
          const attempt = async (one: Message) => {
            const { failures } = one.value as { failures: number };
            const before = failed.get(one.offset) ?? 0;
            if (one.offset % 2 === 0) await Promise.resolve();
            // No commit may pass the lowest unfinished message.
            expect(orders.committed() ?? 0).toBeLessThanOrEqual(one.offset);
            if (before < failures) {
              failed.set(one.offset, before + 1);
              throw new Error('no');
            }
            expect(finished.has(one.offset)).toBe(false);
            finished.add(one.offset);
            order.push(one.offset);
          };
          const retry = { attempts: 3, initialMs: 1, maxMs: 1, jitter: 0 };
          const group = await orders.consume({
            concurrency,
            maxInFlight,
            retry,
            ...(batched
              ? {
                  batchSize: 5,
                  batchHandler: async (list, { nack }) => {
                    for (const one of list) await attempt(one).catch((error: unknown) => nack(error, one));
                  },
                }
              : { handler: (one) => attempt(one) }),
          });
          await orders.topic.publishBatch(
            messages.map(({ key, failures }) => ({ key, value: { failures } })),
          );
          while (orders.committed() !== messages.length) await orders.clock.advance(1);
          const { handled, deadLettered } = group.stats();
          await group.stop();
          const bad = messages.filter(({ failures }) => failures >= 3).length;
          expect([handled, deadLettered, finished.size]).toEqual([
            messages.length - bad,
            bad,
            messages.length - bad,
          ]);
          if (!batched) {
            for (const key of ['a', 'b', 'c']) {
              const own = order.filter((offset) => messages[offset]!.key === key);
              expect(own).toEqual([...own].sort((x, y) => x - y));
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

function failing(): never {
  throw new Error('no');
}
