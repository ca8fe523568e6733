import { describe, expect, it } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import { holdPage, holdWrite, publishOutOfOrder } from '../__fixtures__/service.js';
import { coded, deferred, settled } from '../__fixtures__/waiting.js';
import { META_TOPIC } from '../meta/meta-store.js';

const orders = useOrders();

describe('the group registry', () => {
  it('lists and describes groups with their lag', async () => {
    await orders.topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await orders.service.groups.commitOffsets('idle', [
      { topic: 'orders', partition: 0, offset: 1, metadata: 'm' },
    ]);
    const { seen } = orders.collect();
    await seen.atLeast(3);
    expect(orders.service.groups.list()).toMatchObject([
      { group: 'g', state: 'stable', members: 1, topics: ['orders'] },
      { group: 'idle', state: 'empty', members: 0, topics: ['orders'] },
    ]);
    expect(orders.service.groups.names()).toEqual(['g', 'idle']);
    expect([...orders.service.groups.committedPartitions('idle')]).toEqual([['orders', [0]]]);
    expect([...orders.service.groups.committedPartitions('none')]).toEqual([]);
    expect(await orders.service.groups.describe('idle')).toMatchObject({
      members: [],
      lag: 2,
      offsets: [
        { topic: 'orders', partition: 0, committed: 1, metadata: 'm', endOffset: 3, lag: 2, memberId: null },
      ],
    });
    expect((await orders.service.groups.describe('g')).offsets[0]!.memberId).toMatch(/^g-/);
    await expect(orders.service.groups.describe('none')).rejects.toThrowError(coded('GROUP_NOT_FOUND'));
    const long = orders.service.groups.describe('x'.repeat(256));
    await expect(long).rejects.toThrowError(coded('INVALID_GROUP'));
  });

  it('refuses commits that make no sense', async () => {
    await orders.topic.publish({ value: 1 });
    const commit = (offset: number, rest = {}) =>
      orders.service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset, ...rest }]);
    for (const offset of [-1, 2, 0.5, NaN, 2 ** 60]) {
      await expect(commit(offset)).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    }
    await expect(commit(1, { topic: 'none' })).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
    await expect(commit(1, { partition: 1 })).rejects.toThrowError(coded('PARTITION_NOT_FOUND'));
    await expect(commit(1, { metadata: 'x'.repeat(5000) })).rejects.toThrowError(coded('INVALID_GROUP'));
    for (const name of ['', 'a\0b', 'x'.repeat(256)]) {
      await expect(orders.service.groups.commitOffsets(name, [])).rejects.toThrowError(
        coded('INVALID_GROUP'),
      );
    }
    await orders.collect().group;
    await expect(
      orders.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]),
    ).rejects.toThrowError(coded('GROUP_NOT_EMPTY'));
    await expect(orders.service.groups.delete('g')).rejects.toThrowError(coded('GROUP_NOT_EMPTY'));
  });

  it('keeps a group together whose offsets are committed while it is deleted', async () => {
    await orders.withPartitions(2);
    const { groups } = orders.service;
    const at = (partition: number) => [{ topic: 'orders', partition, offset: 0 }];
    await groups.commitOffsets('g', at(0));
    await Promise.all([groups.commitOffsets('g', at(1)), groups.delete('g')]);
    expect(orders.committed(0)).toBeNull();
    expect(orders.committed(1)).toBe(0);
    expect(groups.list().map(({ group }) => group)).toEqual(['g']);
    await groups.delete('g');
    expect(orders.committed(1)).toBeNull();
  });

  it('takes offsets past the end where it is told to, and the log does not follow them', async () => {
    await orders.topic.publish({ value: 1 });
    const commit = { topic: 'orders', partition: 0, offset: 1000 };
    await orders.service.groups.commitOffsets('g', [commit], { allowBeyondEnd: true });
    await orders.running.stop();
    await orders.boot();
    expect(orders.committed()).toBe(1000);
    const { seen, group } = orders.collect();
    await group;
    expect((await orders.topic.publish({ value: 2 })).offset).toBe(1);
    expect(values(await seen.atLeast(1))).toEqual([2]);
    await (await group).stop();
    expect(orders.committed()).toBe(2);
  });

  it('resets offsets to either end, an offset or a time', async () => {
    await orders.topic.publishBatch([0, 1, 2, 3].map((value) => ({ value, timestamp: value * 10 })));
    await orders.service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset: 2 }]);
    const offset = () => orders.service.groups.committed('idle', 'orders', 0)!.offset;
    const cases = [
      ['earliest', 0],
      ['latest', 4],
      [{ offset: 3 }, 3],
      [{ offset: 99 }, 4],
      [{ timestamp: 15 }, 2],
      [{ timestamp: 99 }, 4],
    ] as const;
    for (const [to, expected] of cases) {
      const before = offset();
      const plan = await orders.service.groups.resetOffsets('idle', { to, dryRun: true });
      expect(plan).toEqual([{ topic: 'orders', partition: 0, offset: expected }]);
      expect(offset()).toBe(before);
      await orders.service.groups.resetOffsets('idle', { to });
      expect(offset()).toBe(expected);
    }
  });

  it('resets nothing where a member joined while it looked for the offsets', async () => {
    await orders.publish([null, 0], [null, 1]);
    const { groups } = orders.service;
    await groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const partition = orders.topic.partition(0);
    const looking = deferred();
    const found = deferred();
    partition.offsetForTimestamp = async () => {
      looking.resolve();
      await found.promise;
      return { offset: 0, timestamp: 0 };
    };
    const reset = groups.resetOffsets('g', { to: { timestamp: 0 } });
    await looking.promise;
    const { seen } = orders.collect();
    await seen.atLeast(1);
    found.resolve();
    await expect(reset).rejects.toThrowError(coded('GROUP_NOT_EMPTY'));
    await settled();
    expect(orders.committed()).toBe(2);
  });

  it('resets nothing where the topic was made anew while it looked for the offsets', async () => {
    await orders.running.stop();
    await orders.boot({ tailCacheBytes: 0 });
    await orders.publish([null, 0], [null, 1]);
    await orders.service.startTopic('slow');
    const timestamp = await publishOutOfOrder(orders.running, 'slow');
    const { groups } = orders.service;
    await groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const held = holdPage(orders.running, 'slow:0');
    const topics = ['orders', 'slow'];
    const reset = expect(groups.resetOffsets('g', { topics, to: { timestamp } })).rejects.toThrowError(
      coded('TOPIC_STOPPED'),
    );
    await held.reached;
    await orders.withPartitions(1);
    held.release();
    await reset;
    expect(orders.committed()).toBeNull();
  });

  it.each(['reset', 'commit', 'delete'])('has a member that joins wait for a %s', async (what) => {
    await orders.publish([null, 0], [null, 1]);
    const { groups, coordinator } = orders.service;
    await groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 2 }]);
    const held = holdWrite(orders.running, META_TOPIC);
    const change = {
      reset: () => groups.resetOffsets('g', { to: 'earliest' }),
      commit: () => groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]),
      delete: () => groups.delete('g'),
    }[what]!();
    await held.reached;
    const { seen } = orders.collect();
    await settled();
    expect(coordinator.memberCount('g')).toBe(0);
    held.release();
    await change;
    expect(values(await seen.atLeast(2))).toEqual([0, 1]);
  });

  it('joins no member that was stopped while it waited', async () => {
    const { groups, coordinator } = orders.service;
    const held = holdWrite(orders.running, META_TOPIC);
    const commit = groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await held.reached;
    const { group } = orders.collect();
    await settled();
    const stopped = orders.service.consumerGroups[0]!.stop();
    held.release();
    await Promise.all([commit, group, stopped]);
    await settled();
    expect(coordinator.memberCount('g')).toBe(0);
  });

  it('are no more than allowed, however many begin at once', async () => {
    await orders.running.stop();
    await orders.boot({ maxGroups: 3 });
    const { groups } = orders.service;
    const commit = (group: string) =>
      groups.commitOffsets(group, [{ topic: 'orders', partition: 0, offset: 0 }]);
    const names = Array.from({ length: 10 }, (_, i) => `group-${i >> 1}`);
    const results = await Promise.allSettled(names.map(commit));
    expect(results.map(({ status }) => status)).toEqual([
      ...Array<string>(6).fill('fulfilled'),
      ...Array<string>(4).fill('rejected'),
    ]);
    expect(groups.list()).toHaveLength(3);
    await groups.delete('group-0');
    await commit('group-1');
    // A failed commit does not count towards the limit.
    const held = holdWrite(orders.running, META_TOPIC);
    const failing = commit('group-8');
    await held.reached;
    await expect(commit('group-9')).rejects.toThrowError(coded('LIMIT_REACHED'));
    held.fail(new Error('no'));
    await expect(failing).rejects.toThrowError('no');
    await commit('group-9');
    expect(groups.list()).toHaveLength(3);
  });

  it('forgets deleted groups for good, and is limited in number', async () => {
    await orders.service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await orders.service.groups.delete('idle');
    expect(orders.service.groups.list()).toEqual([]);
    await orders.running.stop();
    await orders.boot({ maxGroups: 1 });
    expect(orders.service.groups.list()).toEqual([]);
    await orders.service.groups.commitOffsets('one', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await expect(
      orders.service.groups.commitOffsets('two', [{ topic: 'orders', partition: 0, offset: 0 }]),
    ).rejects.toThrowError(coded('LIMIT_REACHED'));
  });

  it('tells stores the lowest batch some group still needs', async () => {
    await orders.topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await orders.topic.publish({ value: 4 });
    const store = orders.running.adapter.opened.get('orders:0')!;
    const retained = () => (store.retained === null ? null : (store.retained as Buffer).readBigUInt64BE());
    await orders.service.groups.commitOffsets('a', [{ topic: 'orders', partition: 0, offset: 4 }]);
    await settled();
    expect(retained()).toBe(3n);
    await orders.service.groups.commitOffsets('b', [{ topic: 'orders', partition: 0, offset: 2 }]);
    await settled();
    expect(retained()).toBe(0n);
    await orders.service.groups.delete('b');
    await orders.service.groups.delete('a');
    await settled();
    expect(retained()).toBeNull();
  });

  it('refuses options that make no sense', async () => {
    const options = { group: 'g', topics: ['orders'], handler: () => {} };
    const bad = [
      { ...options, group: '' },
      { ...options, topics: [] },
      { ...options, batchHandler: () => {} },
      { ...options, handler: undefined },
      { ...options, from: 'middle' },
      { ...options, maxInFlight: 0 },
      { ...options, maxInflight: 5 },
    ];
    for (const one of bad) {
      await expect(orders.service.startConsumerGroup(one as never)).rejects.toThrowError(
        coded('INVALID_GROUP'),
      );
    }
  });
});
