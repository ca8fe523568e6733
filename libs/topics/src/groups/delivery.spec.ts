import { NoSpaceError } from '@genrocks/storage';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Running, startService } from '../__fixtures__/service.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import type { TopicsEventMap } from '../events.js';
import type { Message } from '../message.js';
import { ManualClock } from '../testing/manual-clock.js';
import type { Topic } from '../topic.js';
import type { TopicsService } from '../topics.service.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { ConsumerGroupOptions, HandlerContext } from './group.types.js';

let running: Running;
let service: TopicsService;
let topic: Topic;
let clock: ManualClock;

beforeEach(async () => {
  clock = new ManualClock();
  running = await startService({ clock });
  service = running.service;
  topic = await service.startTopic('orders');
});
afterEach(() => running.stop());

const committed = () => service.groups.committed('g', 'orders', 0)?.offset ?? null;

function consume(options: Partial<ConsumerGroupOptions>): Promise<ConsumerGroup> {
  const batched = options.batchHandler !== undefined;
  return service.startConsumerGroup({
    group: 'g',
    topics: ['orders'],
    autoCommitIntervalMs: 0,
    ...(batched ? {} : { handler: () => {} }),
    ...options,
  });
}

function watch<K extends keyof TopicsEventMap>(name: K): Collector<TopicsEventMap[K][0]> {
  const seen = new Collector<TopicsEventMap[K][0]>();
  (service.events as NodeJS.EventEmitter).on(name, (event: TopicsEventMap[K][0]) => seen.push(event));
  return seen;
}

const publish = (...messages: [string | null, unknown][]) =>
  topic.publishBatch(messages.map(([key, value]) => ({ key, value })));

async function deadLetters(name = 'orders.dlq'): Promise<Message[]> {
  return (await service.topic(name).partition(0).readMessages({ offset: 0 })).messages;
}

describe('a message whose handler fails', () => {
  it('holds up its key alone, and the commit, until it is tried again', async () => {
    const seen = new Collector<unknown>();
    await consume({
      retry: { initialMs: 1_000, jitter: 0 },
      handler: ({ value }, { attempt }) => {
        if (value === 'bad' && attempt < 3) throw new Error('no');
        seen.push(value);
      },
    });
    await publish(['a', 1], ['b', 'bad'], ['c', 2], ['b', 3], [null, 4]);
    expect(await seen.atLeast(3)).toEqual([1, 2, 4]);
    await settled();
    expect(committed()).toBe(1);
    await clock.advance(1_000);
    await clock.advance(1_999);
    expect(seen.items).toHaveLength(3);
    await clock.advance(1);
    expect(await seen.atLeast(5)).toEqual([1, 2, 4, 'bad', 3]);
    await settled();
    expect(committed()).toBe(5);
  });

  it('goes to the dead letters in the end, as it was, with the reasons', async () => {
    const buried = watch('dead-letter');
    const seen = new Collector<unknown>();
    await consume({
      retry: { attempts: 3, initialMs: 10, jitter: 0 },
      handler: ({ value }) => {
        if (value === 'bad') throw new TypeError('cannot be done');
        seen.push(value);
      },
    });
    await topic.publish({ key: 'k', value: 'bad', headers: { trace: 't1' }, timestamp: 0 });
    await topic.publish({ key: 'k', value: 'next' });
    await clock.untilSleeping();
    const firstFailedAt = new Date(clock.now()).toISOString();
    await clock.advance(30);
    await buried.atLeast(1);
    expect(await seen.atLeast(1)).toEqual(['next']);
    const [letter] = await deadLetters();
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
      'genrocks-dlq-last-failed-at': new Date(clock.now()).toISOString(),
      'genrocks-dlq-published-at': '1970-01-01T00:00:00.000Z',
    });
    expect(buried.items[0]).toMatchObject({ offset: 0, attempts: 3, deadLetterTopic: 'orders.dlq' });
    await settled();
    expect(committed()).toBe(2);
  });

  it.each([
    ['RejectMessage', { handler: () => Promise.reject(new RejectMessage('never')) }],
    ['an error that retryIf knows', { retry: { retryIf: () => false }, handler: failing }],
    ['retry: false', { retry: false as const, handler: failing }],
  ])('is not tried again after %s', async (_what, options) => {
    const buried = watch('dead-letter');
    const group = await consume({ ...options, deadLetter: 'graveyard' });
    await publish(['a', 1]);
    await buried.atLeast(1);
    expect(group.stats()).toMatchObject({ failed: 1, deadLettered: 1, handled: 0 });
    expect(await deadLetters('graveyard')).toHaveLength(1);
  });

  it('of which the codec can make nothing is not tried again, and its bytes are kept', async () => {
    const buried = watch('dead-letter');
    await consume({ handler: ({ value }) => void value });
    await topic.publish({ value: Buffer.from('{not json') });
    await buried.atLeast(1);
    expect((await deadLetters())[0]!.valueBytes!.toString()).toBe('{not json');
  });

  it('waits as long as RetryAfter says', async () => {
    const done = new Collector<number>();
    await consume({
      handler: (_message, { attempt }) => {
        if (attempt === 1) throw new RetryAfter(5_000);
        done.push(clock.now());
      },
    });
    const before = clock.now();
    await publish(['a', 1]);
    await clock.untilSleeping();
    await clock.advance(4_999);
    expect(done.items).toEqual([]);
    await clock.advance(1);
    expect(await done.atLeast(1)).toEqual([before + 5_000]);
  });

  it('is not lost while the dead letters cannot be written, and holds up nothing but its key', async () => {
    const errors = watch('consumer-error');
    const seen = new Collector<unknown>();
    let full = true;
    running.adapter.onWrite = (name) => {
      if (full && name === 'orders.dlq') throw new NoSpaceError('it');
    };
    await consume({
      retry: false,
      handler: ({ value }) => (value === 'bad' ? failing() : seen.push(value)),
    });
    await publish(['a', 'bad'], ['a', 1], ['b', 2]);
    await errors.atLeast(1);
    expect(await seen.atLeast(1)).toEqual([2]);
    expect(committed()).toBe(0);
    full = false;
    await clock.untilSleeping();
    await clock.advance(100);
    expect(await seen.atLeast(2)).toEqual([2, 1]);
    expect(await deadLetters()).toHaveLength(1);
  });

  it('too large for its dead-letter headers still gets there', async () => {
    running.adapter.supports.maxValueBytes satisfies number;
    const value = Buffer.alloc(1024 * 1024 - 20);
    const buried = watch('dead-letter');
    await consume({ retry: false, handler: failing });
    await topic.publish({ value });
    await buried.atLeast(1);
    expect((await deadLetters())[0]!.valueBytes).toEqual(value);
  });

  it('is reported and skipped without dead letters', async () => {
    const dropped = watch('message-dropped');
    await consume({ retry: false, deadLetter: false, handler: failing });
    await publish(['a', 1]);
    expect(await dropped.atLeast(1)).toMatchObject([{ group: 'g', offset: 0, attempts: 1 }]);
    await settled();
    expect([committed(), service.hasTopic('orders.dlq')]).toEqual([1, false]);
  });
});

describe('handlers at once', () => {
  it('are as many as the concurrency, and one per key', async () => {
    let now = 0;
    let most = 0;
    const keys = new Set<string>();
    const seen = new Collector<Message>();
    await consume({
      concurrency: 3,
      handler: async (message) => {
        expect(keys.has(message.key!)).toBe(false);
        keys.add(message.key!);
        most = Math.max(most, ++now);
        await settled();
        now--;
        keys.delete(message.key!);
        seen.push(message);
      },
    });
    await publish(...Array.from({ length: 40 }, (_, i) => [`k${i % 5}`, i] as [string, number]));
    const all = await seen.atLeast(40);
    expect(most).toBe(3);
    for (let key = 0; key < 5; key++) {
      const values = all.filter((message) => message.key === `k${key}`).map(({ value }) => value as number);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
    await settled();
    expect(committed()).toBe(40);
  });
});

describe('acknowledging', () => {
  it('by hand commits what was acknowledged, and nothing that lies behind something that was not', async () => {
    const contexts = new Collector<HandlerContext>();
    const group = await consume({ commit: 'manual', handler: (_message, context) => contexts.push(context) });
    await publish(['a', 1], ['b', 2], ['c', 3]);
    const [first, second, third] = await contexts.atLeast(3);
    second!.ack();
    third!.ack();
    await settled();
    expect(committed()).toBe(0);
    first!.ack();
    first!.ack();
    await settled();
    expect(committed()).toBe(3);
    expect(group.stats().handled).toBe(3);
  });

  it('bounds what is not acknowledged, and goes on when it is', async () => {
    const contexts = new Collector<HandlerContext>();
    await consume({
      commit: 'manual',
      maxInFlight: 2,
      handler: (_message, context) => contexts.push(context),
    });
    await publish(['a', 1], ['b', 2], ['c', 3]);
    await contexts.atLeast(2);
    await settled();
    expect(contexts.items).toHaveLength(2);
    contexts.items[0]!.ack();
    await contexts.atLeast(3);
  });

  it('ends the matter, though the handler fails afterwards; giving back is a failure, early or late', async () => {
    const errors = watch('handler-error');
    const seen = new Collector<HandlerContext>();
    await consume({
      commit: 'manual',
      retry: { initialMs: 5, jitter: 0 },
      handler: ({ value }, context) => {
        seen.push(context);
        if (value === 'acked') context.ack();
        if (value === 'early' && context.attempt === 1) context.nack(new Error('later'));
        if (value === 'acked') throw new Error('too late to matter');
      },
    });
    await publish(['a', 'acked'], ['b', 'early'], ['c', 'late']);
    const [, , late] = await seen.atLeast(3);
    late!.nack();
    late!.nack();
    expect(errors.items.map(({ offset }) => offset)).toEqual([1, 2]);
    await clock.advance(5);
    const again = (await seen.atLeast(5)).slice(3);
    expect(again.map(({ attempt }) => attempt)).toEqual([2, 2]);
    late!.ack();
    await settled();
    expect(committed()).toBe(1);
    again.forEach((context) => context.ack());
    await settled();
    expect(committed()).toBe(3);
  });

  it('can be committed before its time, and says where that fails', async () => {
    const done = deferred<number | null>();
    const failed = deferred<unknown>();
    const group = await consume({
      autoCommitIntervalMs: 3_600_000,
      handler: async ({ value }, context) => {
        if (value === 2) {
          await context.commit();
          done.resolve(committed());
        }
      },
    });
    await publish(['a', 1], ['b', 2]);
    expect(await done.promise).toBe(1);
    running.adapter.onWrite = () => {
      throw new NoSpaceError('it');
    };
    await settled();
    await group.commit().catch(failed.resolve);
    expect(await failed.promise).toMatchObject({ code: 'NO_SPACE' });
    running.adapter.onWrite = () => {};
  });
});

describe('a batch', () => {
  it('is done but for what its handler gives back by name', async () => {
    const batches = new Collector<unknown[]>();
    const group = await consume({
      batchSize: 4,
      retry: { initialMs: 5, jitter: 0 },
      batchHandler: (messages, { nack, attempt }) => {
        batches.push(messages.map(({ value }) => value));
        if (attempt === 1) for (const m of messages) if ((m.value as number) % 2 === 1) nack('odd', m);
      },
    });
    await publish(['a', 0], ['b', 1], ['a', 2], ['b', 3], ['b', 4], ['a', 5]);
    await clock.untilSleeping(2);
    await clock.advance(5);
    await batches.atLeast(4);
    await settled();
    expect(batches.items).toEqual([[0, 1, 2, 3], [5], [1, 3], [4], [5]]);
    expect(committed()).toBe(6);
    expect(group.stats().handled).toBe(6);
  });

  it('without tries left is handled one by one, and only the bad ones are given up', async () => {
    const buried = watch('dead-letter');
    await consume({
      batchSize: 4,
      retry: { attempts: 2, initialMs: 5, jitter: 0 },
      batchHandler: (messages) => {
        if (messages.some(({ value }) => value === 'bad')) throw new Error('one of them');
      },
    });
    await publish(['a', 0], ['b', 'bad'], ['c', 2], ['d', 3]);
    await clock.untilSleeping();
    await clock.advance(5);
    await buried.atLeast(1);
    await settled();
    expect((await deadLetters()).map(({ value }) => value)).toEqual(['bad']);
    expect(committed()).toBe(4);
  });
});

describe('a member', () => {
  it.each([
    [{ offset: 2 }, [2, 3]],
    [{ timestamp: 15 }, [2, 3]],
    [{ offset: -5 }, [0, 1, 2, 3]],
  ])('begins at %j', async (from, expected) => {
    await topic.publishBatch([0, 1, 2, 3].map((value) => ({ value, timestamp: value * 10 })));
    const seen = new Collector<unknown>();
    await consume({ from, handler: ({ value }) => seen.push(value) });
    expect(await seen.atLeast(expected.length)).toEqual(expected);
  });

  it('goes on elsewhere, and pauses, as it is told', async () => {
    const seen = new Collector<unknown>();
    const group = await consume({ handler: ({ value }) => seen.push(value) });
    await publish(['a', 0], ['a', 1], ['a', 2]);
    await seen.atLeast(3);
    group.pause('orders');
    await group.seek('orders', 0, { offset: 1 });
    await publish(['a', 3]);
    await settled();
    expect([seen.items.length, committed()]).toEqual([3, 1]);
    expect(group.stats().partitions[0]!.paused).toBe(true);
    group.resume('orders');
    expect((await seen.atLeast(6)).slice(3)).toEqual([1, 2, 3]);
    await expect(group.seek('orders', 7, 'latest')).rejects.toThrowError(coded('PARTITION_NOT_ASSIGNED'));
  });

  it.each([
    { retry: { attempts: 0 } },
    { retry: { attempt: 3 } },
    { retry: { initialMs: 5 }, retryBackoff: { initialMs: 5 } },
    { concurrency: 0 },
    { concurrency: 2, order: 'partition' },
    { deadLetter: 'orders' },
    { from: { offset: 1, timestamp: 1 } },
    { commit: 'never' },
  ])('refuses %j', async (options) => {
    await expect(consume(options as never)).rejects.toThrowError(coded('INVALID_GROUP'));
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
          await service.deleteTopic(name);
          if (service.hasTopic('orders.dlq')) await service.deleteTopic('orders.dlq');
          topic = await service.startTopic(name);
          const finished = new Set<number>();
          const order: number[] = [];
          const failed = new Map<number, number>();
          const attempt = async (one: Message) => {
            const { failures } = one.value as { failures: number };
            const before = failed.get(one.offset) ?? 0;
            if (one.offset % 2 === 0) await Promise.resolve();
            // The lowest not done is all that may be committed.
            expect(committed() ?? 0).toBeLessThanOrEqual(one.offset);
            if (before < failures) {
              failed.set(one.offset, before + 1);
              throw new Error('no');
            }
            expect(finished.has(one.offset)).toBe(false);
            finished.add(one.offset);
            order.push(one.offset);
          };
          const retry = { attempts: 3, initialMs: 1, maxMs: 1, jitter: 0 };
          const group = await consume({
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
          await topic.publishBatch(messages.map(({ key, failures }) => ({ key, value: { failures } })));
          while (committed() !== messages.length) await clock.advance(1);
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
