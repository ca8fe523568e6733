import { describe, expect, it } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, coded, settled } from '../__fixtures__/waiting.js';
import { RetryAfter } from '../delivery-errors.js';

const orders = useOrders({ manualClock: true });

/** Throws this error on the value `bad`. */
const failingWith =
  (error: unknown) =>
  ({ value }: { value: unknown }) => {
    // Handlers do not always throw an Error.

    if (value === 'bad') throw error;
  };

describe('a function of the application that throws', () => {
  it('as retryIf does not end the consumer: the try counts, and the message is given up in the end', async () => {
    const told = orders.watch('consumer-error');
    const buried = orders.watch('dead-letter');
    await orders.consume({
      handler: failingWith(new Error('no')),
      retry: {
        attempts: 2,
        initialMs: 10,
        jitter: 0,
        retryIf: () => {
          throw new Error('cannot tell');
        },
      },
    });
    await orders.publish(['a', 'bad'], ['a', 'next']);
    await orders.clock.untilSleeping();
    await orders.clock.advance(10);
    await buried.atLeast(1);
    await settled();
    expect(orders.committed()).toBe(2);
    expect(told.items).toMatchObject([
      { group: 'g', topic: 'orders', partition: 0, error: { code: 'INVALID_GROUP' } },
    ]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no name');
      },
    ],
    ['answers no name', () => undefined as unknown as string],
    ['answers the topic itself', (topic: string) => topic],
  ])('as deadLetter.topic that %s keeps the message, until it answers one', async (_what, broken) => {
    const told = orders.watch('consumer-error');
    const buried = orders.watch('dead-letter');
    let isBroken = false;
    await orders.consume({
      handler: failingWith(new Error('no')),
      retry: { attempts: 1, initialMs: 10, jitter: 0 },
      deadLetter: { topic: (topic) => (isBroken ? broken(topic) : 'buried') },
    });
    isBroken = true;
    await orders.publish(['a', 'bad'], ['b', 'other']);
    await told.atLeast(1);
    await orders.clock.untilSleeping();
    expect(told.items[0]).toMatchObject({ error: { code: 'INVALID_GROUP' } });
    expect(buried.items).toEqual([]);
    expect(orders.committed() ?? 0).toBe(0);
    isBroken = false;
    await orders.clock.advance(10);
    await buried.atLeast(1);
    await settled();
    expect(orders.committed()).toBe(2);
    expect(buried.items).toMatchObject([{ deadLetterTopic: 'buried' }]);
  });
});

describe('what a handler throws', () => {
  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['an object with a message', { message: 'no stock' }, 'no stock'],
    ['an object without one', { status: 'error' }, '{"status":"error"}'],
    [
      'an object that cannot be a text',
      Object.create(null, { toJSON: { value: () => undefined } }),
      'an error that cannot be shown',
    ],
    ['an error whose message is none', Object.assign(new Error(), { message: 5, name: undefined }), '5'],
    [
      'an error that throws',
      {
        get message() {
          throw new Error('evil');
        },
      },
      'an error that cannot be shown',
    ],
  ])('may be %s: the dead letter says what can be said', async (_what, error, reason) => {
    const buried = orders.watch('dead-letter');
    await orders.consume({ handler: failingWith(error), retry: false });
    await orders.publish(['a', 'bad'], ['a', 'next']);
    await buried.atLeast(1);
    await settled();
    expect((await orders.deadLetters())[0]!.headers['genrocks-dlq-reason']).toBe(reason);
    expect(orders.committed()).toBe(2);
  });

  it('may be the same for many messages at once: waiting for the next try is no leak', async () => {
    const warnings: string[] = [];
    const hear = ({ name }: Error) => void warnings.push(name);
    process.on('warning', hear);
    await orders.consume({ handler: failingWith(new Error('no')), retry: { attempts: 2 } });
    await orders.publish(...Array.from({ length: 20 }, (_, i): [string, string] => [`k${i}`, 'bad']));
    await orders.clock.untilSleeping(20);
    await settled();
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('may be a RetryAfter without a number: the pause is the usual one', async () => {
    const failures = orders.watch('handler-error');
    const seen = new Collector<number>();
    await orders.consume({
      retry: { attempts: 2, initialMs: 10, jitter: 0 },
      handler: (_message, { attempt }) => {
        seen.push(attempt);
        if (attempt === 1) throw new RetryAfter(Number('soon'));
      },
    });
    await orders.publish(['a', 1]);
    await orders.clock.untilSleeping();
    expect(failures.items).toMatchObject([{ retryInMs: 10 }]);
    await orders.clock.advance(10);
    expect(await seen.atLeast(2)).toEqual([1, 2]);
  });
});

describe('a group that would consume its own dead letters', () => {
  it.each([
    ['by name', { topics: ['orders', 'errors'], deadLetter: 'errors' }],
    ['by a pattern', { topics: ['*'], deadLetter: { topic: 'errors' } }],
  ])('%s is refused', async (_how, options) => {
    await expect(orders.consume({ ...options, handler: () => {} })).rejects.toEqual(coded('INVALID_GROUP'));
  });
});
