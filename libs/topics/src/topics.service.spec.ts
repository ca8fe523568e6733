import { StorageIoError } from '@genrocks/storage';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { describe, expect, it } from 'vitest';
import { MapAdapter, type MapDisk } from './__fixtures__/map-adapter.js';
import { startService, useServices } from './__fixtures__/service.js';
import { coded, deferred, settled } from './__fixtures__/waiting.js';
import { TopicsService } from './topics.service.js';

const start = useServices();

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
    await expect(service.startTopic('orders', { partitions: 3 })).rejects.toThrowError(
      /has 2 partition\(s\), not 3; add them first, by addPartitions or "genrocks topic add-partitions orders 3"/,
    );
    await expect(service.startTopic('orders', { partitions: 1 })).rejects.toThrowError(/can only be added/);
    await expect(service.startTopic('orders', { storage: { x: 1 } })).rejects.toThrowError(
      coded('TOPIC_EXISTS'),
    );
    await expect(service.startTopic('orders', { storage: { adapter: 'none' } })).rejects.toThrowError(
      coded('ADAPTER_NOT_FOUND'),
    );
  });

  it('with options that are misspelt are refused, wherever they are given', async () => {
    const misspelt = { partition: 4, storage: {} } as never;
    const { service } = await start();
    await expect(service.startTopic('orders', misspelt)).rejects.toThrowError(
      /^topics\.orders\.partition: unknown option; allowed are name, partitions, /,
    );
    expect(service.listTopics()).toEqual([]);
    await service.startTopic('orders');
    await expect(service.startTopic('orders', misspelt)).rejects.toThrowError(coded('INVALID_CONFIG'));
    const topics = [{ name: 'orders', retention: 5 } as never];
    await expect(start({ topics })).rejects.toThrowError(/^topics\.orders\.retention: unknown option/);
  });

  it('with settings their adapter does not know are refused by name', async () => {
    const strict = new EtsStorageAdapter();
    const service = new TopicsService({ default: strict, all: [strict] }, {});
    await service.onModuleInit();
    const asked = service.startTopic('orders', { storage: { maxNoFiles: 5 } });
    await expect(asked).rejects.toThrowError(/^topic orders: storage\.ets\.maxNoFiles: unknown option/);
    await service.onModuleDestroy();
    await strict.close();
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

  it('are bounded in number', async () => {
    const { service } = await start({ maxTopics: 1, maxPartitionsPerTopic: 4 });
    await expect(service.startTopic('a', { partitions: 5 })).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
      message:
        'topic "a" cannot have 5 partitions, the limit is 4; ask for fewer, ' +
        'or raise maxPartitionsPerTopic (limits.max_partitions_per_topic of the broker)',
      details: { option: 'maxPartitionsPerTopic', limit: 4 },
    });
    await expect(service.startTopic('a', { partitions: 0 })).rejects.toThrowError(coded('INVALID_CONFIG'));
    await service.startTopic('a', { partitions: 4 });
    await expect(service.startTopic('b')).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
      message: expect.stringMatching(
        /^topic "b" would be one too many, the limit is 1;.*limits\.max_topics/,
      ) as string,
    });
  });

  it('are created by publishing only if that is allowed', async () => {
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

  it('partly deleted come back only by being created anew', async () => {
    const { service, adapter } = await start();
    const topic = await service.startTopic('orders', { partitions: 2 });
    await topic.publishBatch([0, 1].map((partition) => ({ value: 1, partition })));
    const { id } = topic;
    const destroy = adapter.destroy.bind(adapter);
    adapter.destroy = async (name, partition) => {
      if (partition === 1) throw new StorageIoError('no');
      return destroy(name, partition);
    };
    await expect(service.deleteTopic('orders')).rejects.toThrowError(coded('IO_ERROR'));
    adapter.destroy = destroy;
    for (const change of [
      () => service.stopTopic('orders'),
      () => service.alterStorage('orders', { maxBytes: 1 }),
      () => service.addPartitions('orders', 3),
    ]) {
      await expect(change()).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
    }
    const fresh = await service.startTopic('orders', { partitions: 2 });
    expect(fresh.id).not.toBe(id);
    expect(fresh.partition(1).endOffset).toBe(0);
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

describe('several adapters', () => {
  it('keep each topic on the adapter it names', async () => {
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
  it('reports its status', async () => {
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

  it.each(['opened', 'created'])('stays shut down if that happened while a topic was %s', async (how) => {
    const disk: MapDisk = new Map();
    const before = await startService({}, disk);
    if (how === 'opened') await before.service.startTopic('orders');
    await before.stop();
    const adapter = new MapAdapter(disk);
    const gate = deferred();
    const open = adapter.open.bind(adapter);
    adapter.open = async (...args) => {
      if (args[0] === 'orders') await gate.promise;
      return open(...args);
    };
    const topics = [{ name: 'orders' }];
    const service = new TopicsService({ default: adapter, all: [adapter] }, { topics });
    const starting = service.onModuleInit().catch(() => {});
    await settled();
    const stopping = service.onApplicationShutdown();
    gate.resolve();
    await Promise.all([starting, stopping]);
    await service.onApplicationBootstrap();
    await expect(service.startTopic('a')).rejects.toThrowError(coded('SERVICE_STOPPED'));
    expect(adapter.opened.get('orders:0')!.closed).toBe(true);
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
