import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { holdWrite, type Running, startService, useServices } from './__fixtures__/service.js';
import { Collector, coded } from './__fixtures__/waiting.js';
import { subscribing } from './__fixtures__/wire-member.js';
import type { StartFrom } from './groups/group.types.js';
import type { Message } from './message.js';
import type { TopicsService } from './topics.service.js';

const start = useServices();

let disk: MapDisk;
let running: Running;

beforeEach(async () => {
  disk = new Map();
  running = await startService({}, disk);
});
afterEach(() => running.stop());

/** A member on the wire that has committed nothing. */
const joinAsClient = (service: TopicsService) => service.coordinator.join('clients', subscribing('orders'));

describe('adding partitions', () => {
  it('keeps existing messages across restarts, and running groups read the new partitions from the beginning', async () => {
    const { service } = running;
    const topic = await service.startTopic('orders', { partitions: 2, routing: 'consistent_hash' });
    await topic.publish({ value: 'before', partition: 0 });
    const seen = new Collector<Message>();
    const options = { group: 'g', topics: ['orders'], handler: (message: Message) => seen.push(message) };
    const group = await service.startConsumerGroup({ ...options, from: 'latest' });
    await service.groups.describe('g');
    while (service.groups.committed('g', 'orders', 1) === null) await new Promise((r) => setImmediate(r));
    expect(await service.addPartitions('orders', 4)).toBe(topic);
    expect([topic.partitionCount, topic.partitions.length]).toEqual([4, 4]);
    await topic.publish({ value: 'after', partition: 3 });
    expect((await seen.atLeast(1)).map(({ value, partition }) => [value, partition])).toEqual([['after', 3]]);
    expect(group.stats().partitions).toHaveLength(4);
    await running.stop();
    running = await startService({}, disk);
    const again = running.service.topic('orders');
    expect(again.partitions.map(({ endOffset }) => endOffset)).toEqual([1, 0, 0, 1]);
    expect(again.describe().routing).toBe('consistent_hash');
  });

  describe('with groups that do not begin at the earliest message', () => {
    const froms: StartFrom[] = ['latest', { timestamp: Date.now() + 3_600_000 }, { offset: 1_000 }];

    it.each(froms)(
      'makes a group skip nothing that joins while first offsets are recorded (%j)',
      async (from) => {
        const { service } = running;
        const topic = await service.startTopic('orders', { partitions: 1 });
        const { release, reached } = holdWrite(running, '__genrocks');
        const growing = service.addPartitions('orders', 2);
        await reached;
        const seen = new Collector<Message>();
        const handler = (message: Message) => seen.push(message);
        await service.startConsumerGroup({ group: 'g', topics: ['orders'], from, handler });
        release();
        await growing;
        await topic.publish({ value: 'after', partition: 1 });
        expect((await seen.atLeast(1)).map(({ value }) => value)).toEqual(['after']);
      },
    );

    it('commits an offset for clients that begin at the latest and have read nothing', async () => {
      const { service } = running;
      await service.startTopic('orders', { partitions: 1 });
      await joinAsClient(service);
      await service.addPartitions('orders', 2);
      expect(service.groups.committed('clients', 'orders', 0)).toBeNull();
      expect(service.groups.committed('clients', 'orders', 1)).toMatchObject({ offset: 0 });
    });

    it('makes a group skip nothing of a topic that was stopped meanwhile', async () => {
      const { service } = running;
      await service.startTopic('orders', { partitions: 1 });
      const seen = new Collector<Message>();
      const handler = (message: Message) => seen.push(message);
      const options = { group: 'g', topics: ['orders'], from: 'latest', handler } as const;
      await service.startConsumerGroup(options);
      await expect.poll(() => service.groups.committed('g', 'orders', 0)).not.toBeNull();
      await service.stopTopic('orders');
      await service.addPartitions('orders', 2);
      const topic = await service.startTopic('orders');
      await topic.publish({ value: 'after', partition: 1 });
      expect((await seen.atLeast(1)).map(({ value }) => value)).toEqual(['after']);
    });

    it('does not fail for a group beyond the limit of groups', async () => {
      const { service } = await start({ maxGroups: 1 });
      const topic = await service.startTopic('orders', { partitions: 1 });
      await service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]);
      await joinAsClient(service);
      await service.addPartitions('orders', 2);
      expect(topic.partitions).toHaveLength(2);
      expect(service.groups.committed('g', 'orders', 1)).toMatchObject({ offset: 0 });
    });

    it('leaves the topic unchanged if the first offset of a joining group cannot be recorded', async () => {
      const { service, adapter } = running;
      const topic = await service.startTopic('orders', { partitions: 1 });
      const { release, reached } = holdWrite(running, '__genrocks');
      const growing = service.addPartitions('orders', 2);
      const refused = expect(growing).rejects.toThrowError('no room');
      await reached;
      await joinAsClient(service);
      // By then the registry's write has begun, and that of the group's offset has not.
      let writes = 0;
      adapter.onWrite = (name) => {
        if (name === '__genrocks' && writes++ === 0) throw new Error('no room');
      };
      release();
      await refused;
      expect([topic.partitionCount, topic.partitions.length]).toEqual([1, 1]);
      await service.addPartitions('orders', 2);
      expect(topic.partitions).toHaveLength(2);
    });
  });

  it('works on a stopped topic, and refuses invalid numbers', async () => {
    const { service } = running;
    await service.startTopic('orders', { partitions: 2 });
    await service.stopTopic('orders');
    await service.addPartitions('orders', 3);
    expect((await service.startTopic('orders')).partitions).toHaveLength(3);
    await service.addPartitions('orders', 3);
    await expect(service.addPartitions('orders', 2)).rejects.toThrowError(coded('INVALID_CONFIG'));
    await expect(service.addPartitions('orders', 1_025)).rejects.toThrowError(coded('LIMIT_REACHED'));
    await expect(service.addPartitions('none', 2)).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
  });

  it('changes nothing if it cannot be recorded', async () => {
    const { service, adapter } = running;
    const topic = await service.startTopic('orders', { partitions: 1 });
    adapter.onWrite = (name) => {
      if (name === '__genrocks') throw new Error('no');
    };
    await expect(service.addPartitions('orders', 2)).rejects.toThrowError('no');
    adapter.onWrite = () => {};
    expect(topic.partitionCount).toBe(1);
    await service.addPartitions('orders', 2);
    await topic.publish({ value: 1, partition: 1 });
  });
});
