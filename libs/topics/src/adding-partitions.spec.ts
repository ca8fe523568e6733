import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { Collector, coded } from './__fixtures__/waiting.js';
import type { Message } from './message.js';

let disk: MapDisk;
let running: Running;

beforeEach(async () => {
  disk = new Map();
  running = await startService({}, disk);
});
afterEach(() => running.stop());

describe('adding partitions', () => {
  it('keeps what there is, for good, and groups that run read the new ones from the beginning', async () => {
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

  it('works on a stopped topic, and refuses what cannot be', async () => {
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

  it('that cannot be recorded changes nothing', async () => {
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
