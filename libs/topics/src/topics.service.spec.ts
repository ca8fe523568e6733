import { stringCodec, StorageIoError } from '@genrocks/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { MapAdapter, type MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { coded, settled } from './__fixtures__/waiting.js';
import { TopicsService } from './topics.service.js';

const started: Running[] = [];

async function start(...args: Parameters<typeof startService>): Promise<Running> {
  const running = await startService(...args);
  started.push(running);
  return running;
}

afterEach(async () => {
  for (const running of started.splice(0)) await running.stop();
});

describe('topics', () => {
  it('are created, listed, found and described', async () => {
    const { service } = await start({ defaultPartitions: 3 });
    const topic = await service.startTopic('shop/orders');
    expect(topic.partitionCount).toBe(3);
    expect(service.topic('shop/orders')).toBe(topic);
    expect(service.hasTopic('shop/orders')).toBe(true);
    expect(service.hasTopic('other')).toBe(false);
    expect(() => service.topic('other')).toThrowError(coded('TOPIC_NOT_FOUND'));
    expect(() => topic.partition(3)).toThrowError(coded('PARTITION_NOT_FOUND'));
    expect(service.listTopics()).toEqual([
      {
        name: 'shop/orders',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
        state: 'running',
        adapter: 'map',
        durable: true,
        settings: {},
        routing: 'key_hash',
        codec: 'json',
        compression: 'none',
        lingerMs: 0,
        partitionCount: 3,
        createdAt: expect.any(Number) as number,
        partitions: [0, 1, 2].map((partition) => ({
          partition,
          state: 'open',
          startOffset: 0,
          endOffset: 0,
        })),
      },
    ]);
  });

  it('started twice are the same, and conflicts are refused', async () => {
    const { service } = await start();
    const [first, second] = await Promise.all([
      service.startTopic('orders', { partitions: 2 }),
      service.startTopic('orders', { partitions: 2 }),
    ]);
    expect(first).toBe(second);
    await expect(service.startTopic('orders', { partitions: 3 })).rejects.toThrowError(coded('TOPIC_EXISTS'));
    await expect(service.startTopic('orders', { storage: { x: 1 } })).rejects.toThrowError(
      coded('TOPIC_EXISTS'),
    );
    await expect(service.startTopic('orders', { storage: { adapter: 'none' } })).rejects.toThrowError(
      coded('ADAPTER_NOT_FOUND'),
    );
  });

  it('with names that are not allowed are refused', async () => {
    const { service, adapter } = await start();
    for (const name of ['', '../x', 'a//b', 'a\0b', 'ü', 'x'.repeat(300), 'partition_1']) {
      await expect(service.startTopic(name)).rejects.toThrowError(coded('INVALID_TOPIC_NAME'));
      await expect(service.publish(name, { value: 1 })).rejects.toThrowError(coded('INVALID_TOPIC_NAME'));
    }
    await expect(service.startTopic('__genrocks')).rejects.toThrowError(coded('RESERVED_TOPIC_NAME'));
    expect(await adapter.list()).toEqual([{ topic: '__genrocks', partition: 0 }]);
  });

  it('stay within their limits', async () => {
    const { service } = await start({ maxTopics: 1, maxPartitionsPerTopic: 4 });
    await expect(service.startTopic('a', { partitions: 5 })).rejects.toThrowError(coded('LIMIT_REACHED'));
    await expect(service.startTopic('a', { partitions: 0 })).rejects.toThrowError(coded('INVALID_CONFIG'));
    await service.startTopic('a', { partitions: 4 });
    await expect(service.startTopic('b')).rejects.toThrowError(coded('LIMIT_REACHED'));
  });

  it('are created by publishing only where that is allowed', async () => {
    const open = await start();
    expect(await open.service.publish('new', { value: 1 })).toMatchObject({ topic: 'new', offset: 0 });
    expect(await open.service.publishBatch('newer', [{ value: 1 }])).toHaveLength(1);
    const closed = await start({ autoCreateTopics: false });
    await expect(closed.service.publish('new', { value: 1 })).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
  });

  it('created by publishing keep the order of the calls', async () => {
    const { service } = await start();
    const calls = [service.publish('new', { value: 0 }), service.publish('new', { value: 1 })];
    service.events.once('topic-started', () => calls.push(service.publish('new', { value: 2 })));
    await calls[0];
    expect((await Promise.all(calls)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
  });

  it('stop, refuse work, and start again as the same object', async () => {
    const { service } = await start();
    const topic = await service.startTopic('orders');
    await topic.publish({ value: 1 });
    await service.stopTopic('orders');
    await service.stopTopic('orders');
    expect(topic.state).toBe('stopped');
    await expect(topic.publish({ value: 2 })).rejects.toThrowError(coded('TOPIC_STOPPED'));
    expect(() => topic.partition(0)).toThrowError(coded('TOPIC_STOPPED'));
    expect(service.listTopics()).toMatchObject([{ name: 'orders', state: 'stopped', partitions: [] }]);
    expect(await service.startTopic('orders')).toBe(topic);
    expect((await topic.publish({ value: 2 })).offset).toBe(1);
    await expect(service.stopTopic('other')).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
  });

  it('deleted are gone with data and offsets, and come back empty under another id', async () => {
    const { service, adapter } = await start();
    const old = await service.startTopic('orders');
    const { id } = old;
    await old.publish({ value: 1 });
    await service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    await service.deleteTopic('orders');
    expect(old.state).toBe('deleted');
    expect(service.hasTopic('orders')).toBe(false);
    expect(service.groups.list()).toEqual([]);
    expect((await adapter.list()).map(({ topic }) => topic)).toEqual(['__genrocks']);
    const fresh = await service.startTopic('orders');
    expect(fresh.id).not.toBe(id);
    expect((await fresh.publish({ value: 1 })).offset).toBe(0);
  });

  it('that cannot be opened leave nothing behind', async () => {
    const { service, adapter } = await start();
    const open = adapter.open.bind(adapter);
    adapter.open = async (name, partition, options) => {
      if (partition === 1) throw new StorageIoError('no');
      return open(name, partition, options);
    };
    await expect(service.startTopic('orders', { partitions: 2 })).rejects.toThrowError(coded('IO_ERROR'));
    expect(service.hasTopic('orders')).toBe(false);
    adapter.open = open;
    expect((await service.startTopic('orders', { partitions: 2 })).state).toBe('running');
  });
});

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

  it('takes storage settings that changed in the application, and refuses a shape that cannot change', async () => {
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
  it('is reported, and taken in by a topic of its name', async () => {
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

describe('several adapters', () => {
  it('keep each topic where it asked to be kept', async () => {
    class OtherAdapter extends MapAdapter {
      override readonly name = 'disk_log';
    }
    const standard = new MapAdapter();
    const other = new OtherAdapter();
    const service = new TopicsService({ default: standard, all: [standard, other] }, {});
    await service.onModuleInit();
    await service.startTopic('memory');
    const topic = await service.startTopicWithDiskLog('disk', 2, { logType: 'wrap' });
    expect(topic.describe()).toMatchObject({
      adapter: 'disk_log',
      settings: { logType: 'wrap' },
      partitionCount: 2,
    });
    expect((await other.list()).map(({ topic: name }) => name)).toEqual(['disk', 'disk']);
    expect((await service.systemStatus()).adapters).toMatchObject([
      { name: 'map', default: true },
      { name: 'disk_log', default: false },
    ]);
    await service.onApplicationShutdown();
  });

  it('need a disk log for startTopicWithDiskLog', async () => {
    const { service } = await start();
    await expect(service.startTopicWithDiskLog('orders', 2)).rejects.toThrowError(coded('ADAPTER_NOT_FOUND'));
  });
});

describe('the service', () => {
  it('tells what it holds', async () => {
    const { service } = await start();
    await service.publishBatch('orders', [{ value: 1 }, { value: 2 }]);
    await service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    const status = await service.systemStatus();
    expect(status).toMatchObject({
      partitionCount: 1,
      published: { messages: 2, batches: 1, failed: 0 },
      groups: [{ group: 'g', state: 'empty', members: 0, topics: ['orders'] }],
      topics: [{ name: 'orders', partitions: [{ endOffset: 2, backlog: 2, store: { items: 1 } }] }],
    });
    expect(status.published.bytes).toBeGreaterThan(61);
  });

  it('sends events, and survives a listener that throws', async () => {
    const { service } = await start();
    const seen: string[] = [];
    for (const name of ['topic-created', 'topic-started', 'topic-stopped', 'topic-deleted'] as const) {
      service.events.on(name, ({ topic }) => {
        seen.push(`${name} ${topic}`);
        throw new Error('listener');
      });
    }
    await service.startTopic('a');
    await service.stopTopic('a');
    await service.startTopic('a');
    await service.deleteTopic('a');
    expect(seen.sort()).toEqual(
      ['topic-created a', 'topic-deleted a', 'topic-started a', 'topic-started a', 'topic-stopped a'].sort(),
    );
  });

  it('refuses work before it starts and after it ends', async () => {
    const adapter = new MapAdapter();
    const service = new TopicsService({ default: adapter, all: [adapter] }, {});
    await expect(service.startTopic('a')).rejects.toThrowError(coded('SERVICE_STOPPED'));
    await expect(service.publish('a', { value: 1 })).rejects.toThrowError(coded('SERVICE_STOPPED'));
    await service.onModuleInit();
    const topic = await service.startTopic('a');
    await service.onApplicationShutdown();
    await expect(topic.publish({ value: 1 })).rejects.toThrowError(coded('TOPIC_STOPPED'));
    await expect(service.startTopic('b')).rejects.toThrowError(coded('SERVICE_STOPPED'));
    await expect(
      service.startConsumerGroup({ group: 'g', topics: ['a'], handler: () => {} }),
    ).rejects.toThrowError(coded('SERVICE_STOPPED'));
  });

  it('refuses options it does not know, one line per mistake', () => {
    const adapter = new MapAdapter();
    const create = () =>
      new TopicsService({ default: adapter, all: [adapter] }, { maxTopics: 0, tailCache: 1 } as never);
    expect(create).toThrowError(/maxTopics: 0 is not allowed.*\n.*tailCache: unknown option/);
  });

  it('publishes what was accepted before it closes', async () => {
    const disk: MapDisk = new Map();
    const first = await startService({}, disk);
    const topic = await first.service.startTopic('orders');
    const publishes = Array.from({ length: 100 }, (_, value) => topic.publish({ value }));
    await first.stop();
    expect((await Promise.all(publishes)).at(-1)!.offset).toBe(99);
    const { service } = await start({}, disk);
    expect(service.topic('orders').partition(0).endOffset).toBe(100);
  });
});
