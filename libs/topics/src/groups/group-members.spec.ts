import { describe, expect, it } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import { holdWrite } from '../__fixtures__/service.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import { META_TOPIC } from '../meta/meta-store.js';

const orders = useOrders();

describe('members of one group', () => {
  it('share the partitions: each has exactly one owner, and all messages arrive', async () => {
    await orders.withPartitions(5);
    const first = orders.collect();
    await orders.topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 1, partition })));
    await first.seen.atLeast(5);
    const second = orders.collect();
    await second.group;
    const { members, generation, state } = await orders.service.groups.describe('g');
    const owned = members.map(({ assignment }) => assignment[0]!.partitions);
    expect(owned.map(({ length }) => length).sort()).toEqual([2, 3]);
    expect(owned.flat().sort()).toEqual([0, 1, 2, 3, 4]);
    // One rebalance to take from the first, one to give to the second.
    expect([generation, state]).toEqual([3, 'stable']);
    await orders.topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 2, partition })));
    await Promise.all([first.seen.atLeast(5 + owned[0]!.length), second.seen.atLeast(owned[1]!.length)]);
    await (await first.group).stop();
    expect((await orders.service.groups.describe('g')).members[0]!.assignment[0]!.partitions).toEqual([
      0, 1, 2, 3, 4,
    ]);
    await orders.topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 3, partition })));
    await second.seen.atLeast(owned[1]!.length + 5);
    const all = [...first.seen.items, ...second.seen.items].map(
      ({ partition, offset }) => `${partition}:${offset}`,
    );
    expect(all).toHaveLength(15);
    expect(new Set(all).size).toBe(15);
  });

  it('hand a partition over only after the old owner has let go of it', async () => {
    const gate = deferred();
    const entered = deferred();
    const first = orders.collect({
      handler: async () => {
        entered.resolve();
        await gate.promise;
      },
    });
    await orders.topic.publishBatch([1, 2].map((value) => ({ value })));
    await entered.promise;
    const second = orders.collect();
    const stopped = (await first.group).stop();
    await settled();
    expect(second.seen.items).toEqual([]);
    gate.resolve();
    await stopped;
    expect(values(await second.seen.atLeast(1))).toEqual([2]);
  });

  it('of other groups get everything too', async () => {
    const a = orders.collect();
    const b = orders.collect({ group: 'other' });
    await orders.topic.publish({ value: 1 });
    await Promise.all([a.seen.atLeast(1), b.seen.atLeast(1)]);
  });

  it('keep on with what does not move, whatever they are at', async () => {
    await orders.withPartitions(2);
    const gate = deferred();
    const entered = deferred();
    const first = orders.consume({
      handler: async ({ partition }) => {
        entered.resolve();
        if (partition === 0) await gate.promise;
      },
    });
    await orders.topic.publish({ value: 1, partition: 0 });
    await entered.promise;
    const second = await orders.collect().group;
    expect(second.stats().partitions.map(({ partition }) => partition)).toEqual([1]);
    gate.resolve();
    await (await first).stop();
    expect(orders.committed(0)).toBe(1);
  });

  it('move no partition but those that must, as long as nobody asks for another way', async () => {
    await orders.withPartitions(12);
    const members = [
      await orders.collect().group,
      await orders.collect().group,
      await orders.collect().group,
    ];
    const shares = () => members.map((one) => one.stats().partitions.map(({ partition }) => partition));
    const moved = (before: number[][]) =>
      before.flatMap((had, i) => had.filter((partition) => !shares()[i]?.includes(partition))).length;
    let before = shares();
    // A new member gets an equal share, and no other partition moves.
    members.push(await orders.collect().group);
    expect(shares().map(({ length }) => length)).toEqual([3, 3, 3, 3]);
    expect(moved(before)).toBe(3);
    // The others get only the partitions of the member that left.
    before = shares();
    await members.pop()!.stop();
    expect(shares().map(({ length }) => length)).toEqual([4, 4, 4]);
    expect(moved(before.slice(0, 3))).toBe(0);
    // A member that is expelled and joins again takes none of the partitions the others had.
    before = shares();
    const expelled = orders.nextEvent('member-expelled');
    orders.service.coordinator.leave('g', { memberId: members[0]!.memberId, groupInstanceId: null });
    await expelled;
    await expect.poll(() => shares().flat().length).toBe(12);
    expect(moved([[], ...before.slice(1)])).toBe(0);
  });

  it('that follow a pattern take in topics that come, and let go of those that stop', async () => {
    const { seen, group } = orders.collect({ topics: ['ord*', /^extra$/] });
    await group;
    const more = await orders.service.startTopic('orders-2', { partitions: 2 });
    await more.publish({ value: 'new' });
    expect(values(await seen.atLeast(1))).toEqual(['new']);
    expect((await orders.service.groups.describe('g')).topics).toEqual(['orders', 'orders-2']);
    await orders.service.stopTopic('orders-2');
    const owned = (await group).stats().partitions.map(({ topic }) => topic);
    expect(owned).toEqual(['orders']);
  });

  it('get partitions that are added', async () => {
    await orders.withPartitions(2);
    const members = [await orders.collect().group, await orders.collect().group];
    await orders.service.addPartitions('orders', 6);
    const shares = () => members.map((member) => member.stats().partitions.length);
    await expect.poll(shares).toEqual([3, 3]);
  });

  it('that the group went on without join it anew, and nothing they still do counts', async () => {
    const gates = [deferred(), deferred()];
    const entered = new Collector<number>();
    const group = await orders.consume({
      handler: async () => {
        const gate = gates[entered.items.length]!;
        entered.push(1);
        await gate.promise;
      },
    });
    await orders.publish([null, 1]);
    await entered.atLeast(1);
    const { memberId } = group;
    const expelled = orders.nextEvent('member-expelled');
    orders.service.coordinator.leave('g', { memberId, groupInstanceId: null });
    expect(await expelled).toMatchObject({ group: 'g', memberId });
    await entered.atLeast(2);
    gates[0]!.resolve();
    await settled();
    expect(orders.committed()).toBe(0);
    expect(group.memberId).not.toBe(memberId);
    gates[1]!.resolve();
    await group.stop();
    expect(orders.committed()).toBe(1);
  });

  it.each(['stop', 'are expelled'])(
    'call no handler once they %s, though one was about to be',
    async (how) => {
      const { coordinator, groups } = orders.service;
      await groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]);
      const { seen, group } = orders.collect();
      const member = await group;
      const { memberId } = member;
      const held = holdWrite(orders.running, META_TOPIC);
      await orders.publish([null, 1]);
      // The partition is marked as in hand before the first message.
      await held.reached;
      const stopped = how === 'stop' ? member.stop() : undefined;
      if (stopped === undefined) coordinator.leave('g', { memberId, groupInstanceId: null });
      await settled();
      held.release();
      await stopped;
      await settled();
      expect(seen.items).toHaveLength(how === 'stop' ? 0 : 1);
    },
  );
});

describe('static members', () => {
  const membersOf = async () => {
    const { members, generation } = await orders.service.groups.describe('g');
    const shares = members.map(({ instanceId, assignment }) => [instanceId, assignment[0]?.partitions]);
    return { generation, shares: Object.fromEntries(shares) as Record<string, number[]> };
  };

  it('find their partitions again, and nobody else has to move', async () => {
    await orders.withPartitions(4);
    const a = await orders.consume({ instanceId: 'a' });
    await orders.consume({ instanceId: 'b' });
    const before = await membersOf();
    await a.stop();
    expect(await membersOf()).toEqual(before);
    const again = await orders.consume({ instanceId: 'a' });
    expect(await membersOf()).toEqual(before);
    expect(again.stats().partitions.map(({ partition }) => partition)).toEqual(before.shares['a']);
  });

  it('are given up when they stay away for longer than their session', async () => {
    await orders.withPartitions(2);
    const a = await orders.consume({ instanceId: 'a', sessionTimeoutMs: 5 });
    await orders.consume({ instanceId: 'b' });
    await a.stop();
    await expect.poll(async () => (await membersOf()).shares).toEqual({ b: [0, 1] });
  });

  it('do not go by the name of one that runs', async () => {
    await orders.consume({ instanceId: 'a' });
    await expect(orders.consume({ instanceId: 'a' })).rejects.toThrowError(coded('FENCED_MEMBER'));
    expect((await membersOf()).shares).toEqual({ a: [0] });
  });
});
