import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import { TopicsTester } from '../testing/topics-tester.js';
import { TopicsTestingModule } from '../testing/topics-testing.module.js';
import type { HandlerContext } from './group.types.js';
import { HANDLER_GRACE_MS } from './handler-watch.js';

const orders = useOrders({ manualClock: true });
const LIMIT_MS = 60_000;

/** Fails as soon as its signal aborts. */
const untilAborted = ({ signal }: HandlerContext) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

/** A handler that hangs until it is released, and what its calls were told. */
function hanging() {
  const release = deferred();
  const calls = new Collector<HandlerContext>();
  const handler = async (_message: unknown, context: HandlerContext) => {
    calls.push(context);
    await release.promise;
  };
  return { release: release.resolve, calls, handler };
}

describe('a handler that takes too long', () => {
  it('and heeds its signal has failed like any other: it is tried again, and given up in the end', async () => {
    const timeouts = orders.watch('handler-timeout');
    const failures = orders.watch('handler-error');
    const buried = orders.watch('dead-letter');
    const attempts: number[] = [];
    const group = await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      retry: { attempts: 2, initialMs: 1, jitter: 0 },
      handler: ({ value }, context) => {
        if (value !== 'slow') return undefined;
        attempts.push(context.attempt);
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 'slow'], ['a', 'next']);
    await settled();
    await orders.clock.advance(LIMIT_MS - 1);
    expect(timeouts.items).toEqual([]);
    await orders.clock.advance(1);
    const { memberId } = group;
    const place = { group: 'g', topic: 'orders', partition: 0, offset: 0 };
    expect(timeouts.items).toEqual([{ ...place, memberId, attempt: 1, timeoutMs: LIMIT_MS }]);
    expect(failures.items).toMatchObject([{ ...place, retryInMs: 1, error: { code: 'HANDLER_TIMEOUT' } }]);
    await orders.clock.advance(1 + LIMIT_MS);
    await buried.atLeast(1);
    await settled();
    expect(attempts).toEqual([1, 2]);
    expect(orders.committed()).toBe(2);
    expect(group.memberId).toBe(memberId);
  });

  it('and ends in time, signal or not, is done', async () => {
    const expelled = orders.watch('member-expelled');
    const { release, calls, handler } = hanging();
    await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler });
    await orders.publish(['a', 1]);
    const [context] = await calls.atLeast(1);
    await orders.clock.advance(LIMIT_MS + HANDLER_GRACE_MS - 1);
    expect(context!.signal.aborted).toBe(true);
    release();
    await settled();
    await orders.clock.advance(10 * LIMIT_MS);
    expect(orders.committed()).toBe(1);
    expect(expelled.items).toEqual([]);
  });

  it('has the same time when the clock of the machine is set meanwhile', async () => {
    const timeouts = orders.watch('handler-timeout');
    const { release, calls, handler } = hanging();
    await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler });
    await orders.publish(['a', 1]);
    await calls.atLeast(1);
    orders.clock.set(orders.clock.now() + 100 * LIMIT_MS);
    await orders.clock.advance(LIMIT_MS - 1);
    expect(timeouts.items).toEqual([]);
    orders.clock.set(0);
    await orders.clock.advance(1);
    expect(timeouts.items).toHaveLength(1);
    release();
    await settled();
    expect(orders.committed()).toBe(1);
  });

  it('has a signal of its own: other calls go on', async () => {
    const signals = new Collector<AbortSignal>();
    await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      concurrency: 2,
      retry: false,
      handler: (_message, context) => {
        signals.push(context.signal);
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 1]);
    await signals.atLeast(1);
    await orders.clock.advance(LIMIT_MS / 2);
    await orders.publish(['b', 2]);
    const [first, second] = await signals.atLeast(2);
    await orders.clock.advance(LIMIT_MS / 2);
    expect([first!.aborted, second!.aborted]).toEqual([true, false]);
    await orders.clock.advance(LIMIT_MS / 2);
    expect(second!.aborted).toBe(true);
  });

  it('of a batch that is handled one by one is told so too', async () => {
    const sizes = new Collector<number>();
    const timeouts = orders.watch('handler-timeout');
    const group = orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      retry: { attempts: 1 },
      batchHandler: (messages, context) => {
        sizes.push(messages.length);
        if (messages.length > 1) throw new Error('all of them');
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 1], ['b', 2]);
    await group;
    await sizes.atLeast(2);
    await orders.clock.advance(LIMIT_MS);
    await sizes.atLeast(3);
    await orders.clock.advance(LIMIT_MS);
    expect(timeouts.items.map(({ offset }) => offset)).toEqual([0, 1]);
  });
});

describe('a handler that hangs', () => {
  it('costs its member the membership: others get its partitions, and what it does late counts for nothing', async () => {
    await orders.withPartitions(2);
    const expelled = orders.watch('member-expelled');
    const { release, calls, handler } = hanging();
    const stuck = await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler, commit: 'manual' });
    const gate = deferred();
    const seen = new Collector<number>();
    const other = await orders.consume({
      handler: async ({ partition }) => {
        seen.push(partition);
        await gate.promise;
      },
    });
    const { memberId } = stuck;
    const own = stuck.stats().partitions[0]!.partition;
    await orders.topic.publish({ value: 1, partition: own });
    const [context] = await calls.atLeast(1);
    await orders.clock.advance(LIMIT_MS);
    await orders.clock.advance(HANDLER_GRACE_MS);
    // The other one has the message again.
    expect(await seen.atLeast(1)).toEqual([own]);
    expect(expelled.items).toMatchObject([{ group: 'g', memberId, error: { code: 'HANDLER_TIMEOUT' } }]);
    expect(other.stats().partitions).toHaveLength(2);
    expect(stuck.stats().partitions).toEqual([]);

    context!.ack();
    await expect(context!.commit()).rejects.toThrowError(coded('PARTITION_NOT_ASSIGNED'));
    await stuck.commit();
    expect(orders.committed(own)).toBe(0);
    await orders.clock.advance(600_000);
    expect(stuck.stats().partitions).toEqual([]);
    gate.resolve();
    await settled();
    expect(orders.committed(own)).toBe(1);

    // It comes back when the call has ended.
    release();
    await settled();
    await orders.clock.advance(1_000);
    await settled();
    expect(stuck.memberId).not.toBe(memberId);
    expect([stuck.stats().partitions.length, other.stats().partitions.length]).toEqual([1, 1]);
  });

  it('alone in its group: the member joins anew at once, with what was done committed, and the message comes again', async () => {
    await orders.withPartitions(2);
    const done = new Collector<number>();
    const calls = new Collector<unknown>();
    const group = await orders.consume({
      autoCommitIntervalMs: 3_600_000,
      handlerTimeoutMs: LIMIT_MS,
      handler: ({ value, partition }) => {
        if (value !== 'bad') return done.push(partition);
        calls.push(value);
        return calls.items.length === 1 ? new Promise(() => {}) : undefined;
      },
    });
    await orders.topic.publish({ value: 'good', partition: 1 });
    await orders.topic.publish({ value: 'bad', partition: 0 });
    await calls.atLeast(1);
    await done.atLeast(1);
    const { memberId } = group;
    await orders.clock.advance(LIMIT_MS);
    await orders.clock.advance(HANDLER_GRACE_MS);
    await calls.atLeast(2);
    await settled();
    expect(group.memberId).not.toBe(memberId);
    expect(orders.committed(1)).toBe(1);
    expect(done.items).toEqual([1]);
    await group.commit();
    expect(orders.committed(0)).toBe(1);
  });

  it('again and again: after ten calls that hang the member stays away, until they end', async () => {
    const { release, calls, handler } = hanging();
    const group = await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      handler,
      retry: { interruptions: Infinity },
    });
    await orders.publish(['a', 1]);
    for (let round = 1; round <= 10; round++) {
      await calls.atLeast(round);
      await orders.clock.advance(LIMIT_MS);
      await orders.clock.advance(HANDLER_GRACE_MS);
    }
    await orders.clock.advance(100 * LIMIT_MS);
    expect(calls.items).toHaveLength(10);
    release();
    await settled();
    await orders.clock.advance(1_000);
    await calls.atLeast(11);
    await settled();
    expect(group.stats().lag).toBe(0);
  });

  it('again and again with one message: it is given up, and others go on', async () => {
    const { release, calls, handler } = hanging();
    const letters = orders.watch('dead-letter');
    const group = await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      retry: { interruptions: 2 },
      handler: (message, context) => (message.value === 'bad' ? handler(message, context) : undefined),
    });
    await orders.publish(['a', 'bad'], ['a', 'good']);
    for (let round = 1; round <= 2; round++) {
      await calls.atLeast(round);
      await orders.clock.advance(LIMIT_MS);
      await orders.clock.advance(HANDLER_GRACE_MS);
    }
    const [letter] = await letters.atLeast(1);
    await settled();
    expect(letter).toMatchObject({ offset: 0, attempts: 2, error: { code: 'DELIVERY_INTERRUPTED' } });
    expect(calls.items.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(orders.committed()).toBe(2);
    release();
    await group.stop();
  });

  it('where nobody else is left in the group, its member does not stay away', async () => {
    const { calls, handler } = hanging();
    const stuck = await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler });
    await orders.publish(['a', 1]);
    await calls.atLeast(1);
    const other = await orders.consume();
    await orders.clock.advance(LIMIT_MS);
    await orders.clock.advance(HANDLER_GRACE_MS);
    await settled();
    expect(orders.committed()).toBe(1);
    await orders.clock.advance(LIMIT_MS);
    expect(stuck.stats().partitions).toEqual([]);
    await other.stop();
    await orders.clock.advance(1_000);
    await settled();
    expect(stuck.stats().partitions).toHaveLength(1);
  });

  it('does not hold up a member that is stopped meanwhile, or away', async () => {
    await orders.running.stop();
    await orders.boot({ drainTimeoutMs: 1, handlerTimeoutMs: LIMIT_MS });
    const { calls, handler } = hanging();
    const first = await orders.consume({ handler });
    const second = await orders.consume({ handlerTimeoutMs: 0 });
    expect([first.options.handlerTimeoutMs, second.options.handlerTimeoutMs]).toEqual([LIMIT_MS, 0]);
    await orders.publish(['a', 1]);
    await calls.atLeast(1);
    await orders.clock.advance(LIMIT_MS);
    await orders.clock.advance(HANDLER_GRACE_MS);
    await settled();
    expect(second.stats().partitions).toHaveLength(1);
    await first.stop();
    await second.stop();
    expect(orders.clock.sleeping).toBe(0);
  });
});

it.each([-1, 0.5, 86_400_001])('a limit of %d ms is refused', async (handlerTimeoutMs) => {
  await expect(orders.consume({ handlerTimeoutMs })).rejects.toThrowError(coded('INVALID_GROUP'));
});

it('drain of the test kit does not run into the limit while a handler waits for something real', async () => {
  const app = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot({ handlerTimeoutMs: LIMIT_MS, topics: [{ name: 'orders' }] })],
  }).compile();
  await app.init();
  const tester = TopicsTester.of(app);
  const timeouts: unknown[] = [];
  tester.topics.events.on('handler-timeout', (event) => timeouts.push(event));
  const slow = deferred();
  await tester.topics.startConsumerGroup({ group: 'g', topics: ['orders'], handler: () => slow.promise });
  await tester.topics.publish('orders', { value: 1 });
  const drained = tester.drain();
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  slow.resolve();
  await drained;
  await app.close();
  expect(timeouts).toEqual([]);
});
