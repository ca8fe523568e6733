import { stringCodec, StorageIoError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { startService, useServices } from './__fixtures__/service.js';
import { coded, settled } from './__fixtures__/waiting.js';

const start = useServices();

describe('a restart', () => {
  it('brings back topics, ids, data, stopped topics and group offsets', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    const orders = await first.service.startTopic('orders', { partitions: 2, routing: 'round_robin' });
    await first.service.startTopic('text', { codec: stringCodec });
    await first.service.startTopic('idle');
    const { id } = orders;
    for (let i = 0; i < 10; i++) await orders.publish({ value: i, partition: 0 });
    await first.service.publish('text', { value: 'plain' });
    await first.service.groups.commitOffsets('g', [
      { topic: 'orders', partition: 0, offset: 4, metadata: 'note' },
    ]);
    await first.service.stopTopic('idle');
    await first.stop();

    const { service } = await start({ topics: [{ name: 'idle' }] }, disk);
    const again = service.topic('orders');
    expect(again.id).toBe(id);
    expect(again.describe()).toMatchObject({ partitionCount: 2, routing: 'round_robin' });
    expect((await again.partition(0).readMessages({ offset: 0 })).messages.map(({ value }) => value)).toEqual(
      Array.from({ length: 10 }, (_, i) => i),
    );
    expect((await service.topic('text').partition(0).readMessages({ offset: 0 })).messages[0]!.value).toBe(
      'plain',
    );
    expect(service.topic('idle').state).toBe('stopped');
    expect(service.groups.committed('g', 'orders', 0)).toMatchObject({ offset: 4, metadata: 'note' });
    expect((await again.publish({ value: 10, partition: 0 })).offset).toBe(10);
  });

  it('never lets offsets go back, not even when everything was removed', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    const topic = await first.service.startTopic('orders');
    await topic.publishBatch(Array.from({ length: 5 }, (_, value) => ({ value })));
    await topic.truncate();
    await first.stop();
    const second = await startService({}, disk);
    expect(second.service.topic('orders').partition(0).startOffset).toBe(5);
    await second.service.publish('orders', { value: 1 });
    await second.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 6 }]);
    await second.stop();
    disk.get('orders:0')!.clear();
    const third = await start({}, disk);
    expect((await third.service.publish('orders', { value: 1 })).offset).toBe(6);
  });

  it('applies changed storage settings of the application, and refuses options that cannot change', async () => {
    const disk: MapDisk = new Map();
    const definition = (limit: number) => ({ topics: [{ name: 'orders', storage: { maxNoFiles: limit } }] });
    const first = await startService(definition(10), disk);
    const { id } = first.service.topic('orders');
    await first.stop();
    const second = await startService(definition(20), disk);
    expect(second.service.topic('orders').describe()).toMatchObject({ id, settings: { maxNoFiles: 20 } });
    await second.stop();
    const third = await startService({}, disk);
    expect(third.service.topic('orders').describe().settings).toEqual({ maxNoFiles: 20 });
    await third.stop();
    await expect(startService({ topics: [{ name: 'orders', partitions: 2 }] }, disk)).rejects.toThrowError(
      coded('TOPIC_EXISTS'),
    );
  });

  it('does not let a group begin in a partition that could not be opened', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    await first.service.publish('orders', { value: 1 });
    await first.stop();
    disk.get('orders:0')!.set('not a partition', Buffer.from('x'));
    const { service } = await start({}, disk);
    const group = await service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      from: 'latest',
      handler: () => {},
    });
    await settled();
    await group.stop();
    expect(service.groups.committed('g', 'orders', 0)).toBeNull();
  });

  it('finishes a deletion that was interrupted', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    await first.service.startTopic('orders', { partitions: 2 });
    first.adapter.destroy = () => Promise.reject(new StorageIoError('no'));
    await expect(first.service.deleteTopic('orders')).rejects.toThrowError(coded('IO_ERROR'));
    await first.stop();
    const { service, adapter } = await start({}, disk);
    expect(service.hasTopic('orders')).toBe(false);
    expect((await adapter.list()).map(({ topic }) => topic)).toEqual(['__genrocks']);
  });

  it('starts the healthy partitions beside a damaged one', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    const topic = await first.service.startTopic('orders', { partitions: 2 });
    for (const partition of [0, 1]) await topic.publish({ value: 1, partition });
    await first.stop();
    disk.get('orders:0')!.set('not a partition', Buffer.from('x'));
    const { service } = await start({}, disk);
    const again = service.topic('orders');
    expect(again.partition(0).describe()).toMatchObject({
      state: 'failed',
      error: { code: 'CORRUPT_BATCH' },
    });
    await expect(again.publish({ value: 2, partition: 0 })).rejects.toThrowError(
      coded('PARTITION_UNAVAILABLE'),
    );
    await expect(again.partition(0).readMessages({ offset: 0 })).rejects.toThrowError(
      coded('PARTITION_UNAVAILABLE'),
    );
    expect((await again.publish({ value: 2, partition: 1 })).offset).toBe(1);
    expect((await service.systemStatus()).topics[0]!.partitions[0]!.state).toBe('failed');
  });
});

describe('data without a registry entry', () => {
  it('is reported, and adopted by a topic of its name', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    const topic = await first.service.startTopic('orders', { partitions: 2 });
    await topic.publish({ value: 'old', partition: 1 });
    await first.stop();
    disk.delete('__genrocks:0');
    const { service } = await start({}, disk);
    expect((await service.systemStatus()).unregistered).toEqual([
      { adapter: 'map', topic: 'orders', partition: 0 },
      { adapter: 'map', topic: 'orders', partition: 1 },
    ]);
    await expect(service.startTopic('orders', { partitions: 1 })).rejects.toThrowError(coded('TOPIC_EXISTS'));
    const adopted = await service.startTopic('orders', { partitions: 2 });
    expect((await adopted.partition(1).readMessages({ offset: 0 })).messages[0]!.value).toBe('old');
    expect((await service.systemStatus()).unregistered).toEqual([]);
  });
});
