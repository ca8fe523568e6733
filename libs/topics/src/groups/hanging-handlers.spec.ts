import { describe, expect, it } from 'vitest';
import { hanging, LIMIT_MS } from '../__fixtures__/hanging.js';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import { HANDLER_GRACE_MS } from './handler-watch.js';

const orders = useOrders({ manualClock: true });

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
    // The other member gets the message again.
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
