import { afterEach, expect, it, vi } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, deferred, settled } from '../__fixtures__/waiting.js';

const orders = useOrders();
const DRAIN_MS = 1;
/** Time a rebalance gives its members to join: the drain time, and ten seconds to commit. */
const ROUND_MS = DRAIN_MS + 10_000;

afterEach(() => {
  vi.useRealTimers();
});

async function begin(partitions: number): Promise<void> {
  await orders.running.stop();
  await orders.boot({ drainTimeoutMs: DRAIN_MS });
  await orders.withPartitions(partitions);
}

it('a handler that hangs loses the partition that is to move, and what it does later is not committed', async () => {
  await begin(2);
  const release = deferred();
  const entered = new Collector<number>();
  const hanging = await orders.consume({
    handler: async ({ partition }) => {
      entered.push(partition);
      await release.promise;
    },
  });
  await orders.topic.publishBatch([0, 1].map((partition) => ({ value: 1, partition })));
  await entered.atLeast(2);

  const gate = deferred();
  const again = deferred();
  const second = await orders.consume({
    handler: async () => {
      again.resolve();
      await gate.promise;
    },
  });
  await again.promise;
  const moved = second.stats().partitions[0]!.partition;
  release.resolve();
  await settled();
  await hanging.commit();
  // The old owner has ended work on it; only the new one decides when it is done.
  expect(orders.committed(moved)).toBe(0);
  expect(orders.committed(1 - moved)).toBe(1);
  gate.resolve();
  await settled();
  await second.commit();
  expect(orders.committed(moved)).toBe(1);
});

/**
 * A member that owns all partitions and whose offset commits hang from here on, so that it cannot release
 * them.
 */
async function stuckMember(partitions: number) {
  await begin(partitions);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const seen = new Collector<number>();
  const stuck = await orders.consume({
    autoCommitIntervalMs: 3_600_000,
    handler: ({ partition }) => seen.push(partition),
  });
  const places = Array.from({ length: partitions }, (_, partition) => partition);
  await orders.topic.publishBatch(places.map((partition) => ({ value: 1, partition })));
  await seen.atLeast(partitions);
  const store = deferred();
  orders.running.adapter.onWrite = (name) => (name === '__genrocks' ? store.promise : undefined);
  const goOn = () => {
    orders.running.adapter.onWrite = () => {};
    store.resolve();
  };
  return { stuck, memberId: stuck.memberId, goOn };
}

async function expectShared(members: number, partitions: number): Promise<void> {
  const group = await orders.service.groups.describe('g');
  const owned = group.members.flatMap(({ assignment }) => assignment.flatMap((one) => one.partitions));
  expect([group.members.length, owned.sort()]).toEqual([
    members,
    Array.from({ length: partitions }, (_, partition) => partition),
  ]);
}

it('a member that does not join a round in time is expelled, commits nothing more, and joins anew', async () => {
  const { stuck, memberId, goOn } = await stuckMember(4);
  const joining = [orders.consume()];
  await settled();
  joining.push(orders.consume());
  await settled();
  const expelled = orders.watch('member-expelled');
  await vi.advanceTimersByTimeAsync(ROUND_MS - 1);
  expect(expelled.items).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await expelled.atLeast(1)).toMatchObject([
    { group: 'g', memberId, error: { code: 'UNKNOWN_MEMBER' } },
  ]);
  goOn();
  await Promise.all(joining);
  await stuck.commit();
  await settled();
  expect(stuck.memberId).not.toBe(memberId);
  await expectShared(3, 4);
});

it('a member that cannot let go of what the last round gave to another is expelled as well', async () => {
  const { memberId, goOn } = await stuckMember(2);
  const joining = orders.consume();
  await settled();
  const expelled = orders.watch('member-expelled');
  // It gets the time to release partitions, and then that of a rebalance.
  await vi.advanceTimersByTimeAsync(2 * ROUND_MS - 1);
  expect(expelled.items).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await expelled.atLeast(1)).toMatchObject([{ group: 'g', memberId }]);
  goOn();
  await joining;
  await settled();
  await expectShared(2, 2);
});
