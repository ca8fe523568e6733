import {
  type OpenStoreOptions,
  type PartitionStore,
  type ScanOptions,
  SortedKeyMap,
  StorageIoError,
} from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import { MapAdapter, type MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService, useServices } from './__fixtures__/service.js';
import { Collector, coded } from './__fixtures__/waiting.js';
import { RejectMessage } from './delivery-errors.js';
import { offsetKey } from './partition/offset-key.js';
import { TopicsService } from './topics.service.js';

const start = useServices();

/** The store of the service's own state. */
const META = '__genrocks:0';

function copyOf(data: SortedKeyMap<Buffer>): SortedKeyMap<Buffer> {
  const copy = new SortedKeyMap<Buffer>();
  for (const [key, value] of data.page('', undefined, false, Infinity)) copy.set(key, value);
  return copy;
}

/** Reads take longer than writes, as from a remote or cold disk. */
class SlowAdapter extends MapAdapter {
  override async open(topic: string, partition: number, options: OpenStoreOptions): Promise<PartitionStore> {
    const store = await super.open(topic, partition, options);
    const scan = store.scanPages.bind(store);
    store.scanPages = async function* (range?: ScanOptions) {
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      yield* scan(range);
    };
    return store;
  }
}

/** A copy of a log at a given number of entries. */
function olderCopy(disk: MapDisk, id: string, entries: number): void {
  const kept = new SortedKeyMap<Buffer>();
  for (const [key, value] of disk.get(id)!.page('', undefined, false, entries)) kept.set(key, value);
  disk.set(id, kept);
}

/** After a power cut: the service's own state as last synced, everything else as last written. */
function powerCut(adapter: MapAdapter): () => MapDisk {
  let synced = copyOf(adapter.disk.get(META)!);
  adapter.onSync = (topic) => void (topic === '__genrocks' && (synced = copyOf(adapter.disk.get(META)!)));
  return () => new Map([...adapter.disk, [META, copyOf(synced)]]);
}

async function stopped(work: (running: Running) => Promise<unknown>, disk: MapDisk): Promise<void> {
  const running = await startService({}, disk);
  await work(running);
  await running.stop();
}

const publish = ({ service }: Running, ...values: unknown[]) =>
  Promise.all(values.map((value) => service.publish('orders', { value })));

describe('an operation on data is recorded before a power cut can leave its effect', () => {
  it('offsets removed by a truncation are not assigned again', async () => {
    const running = await start();
    await publish(running, 1, 2, 3);
    const cut = powerCut(running.adapter);
    await running.service.topic('orders').truncate();
    const { service } = await start({}, cut());
    expect(service.topic('orders').partition(0).startOffset).toBe(3);
    expect((await service.publish('orders', { value: 4 })).offset).toBe(3);
  });

  it('records before the new start of a partition do not come back', async () => {
    const running = await start();
    await publish(running, 1, 2, 3);
    const cut = powerCut(running.adapter);
    await running.service.topic('orders').partition(0).deleteRecords(2);
    const { service } = await start({}, cut());
    expect(service.topic('orders').partition(0).startOffset).toBe(2);
  });

  it('a partly deleted topic is deleted completely', async () => {
    const running = await start();
    await running.service.startTopic('orders', { partitions: 2 });
    const cut = powerCut(running.adapter);
    const { disk } = running.adapter;
    let left: MapDisk | undefined;
    running.adapter.destroy = async (topic, partition) => {
      disk.delete(`${topic}:${partition}`);
      left ??= cut();
    };
    await running.service.deleteTopic('orders');
    const { service, adapter } = await start({}, left);
    expect(service.hasTopic('orders')).toBe(false);
    expect([...adapter.disk.keys()]).toEqual([META]);
  });

  it('a topic created again under the name of a deleted one is not deleted', async () => {
    const running = await start();
    await publish(running, 1, 2);
    const cut = powerCut(running.adapter);
    await running.service.deleteTopic('orders');
    await running.service.startTopic('orders');
    await publish(running, 3);
    const { service } = await start({}, cut());
    const { messages } = await service.topic('orders').partition(0).readMessages({ offset: 0 });
    expect(messages.map(({ value }) => value)).toEqual([3]);
  });
});

describe('a recorded offset is not assigned to another message', () => {
  it('dead letters that arrive after restoring a backup from before a redrive are redriven', async () => {
    const disk: MapDisk = new Map();
    const buryAll = async ({ service }: Running, ...values: number[]) => {
      const buried = new Collector<unknown>();
      service.events.on('dead-letter', (event) => void buried.push(event));
      const handler = () => {
        throw new RejectMessage('not today');
      };
      const group = await service.startConsumerGroup({ group: 'g', topics: ['orders'], handler });
      await service.publishBatch(
        'orders',
        values.map((value) => ({ value })),
      );
      await buried.atLeast(values.length);
      await group.stop();
    };
    await stopped(async (running) => {
      await buryAll(running, 1, 2, 3);
      expect((await running.service.deadLetters.redrive('orders.dlq')).redriven).toBe(3);
      const end = running.service.topic('orders').partition(0).endOffset;
      await running.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: end }]);
    }, disk);
    olderCopy(disk, 'orders.dlq:0', 1);
    const running = await start({}, disk);
    await buryAll(running, 4, 5);
    const letters = await running.service.deadLetters.list<number>('orders.dlq');
    expect(letters.filter(({ redriven }) => !redriven).map(({ message }) => message.value)).toEqual([4, 5]);
    expect((await running.service.deadLetters.redrive('orders.dlq')).redriven).toBe(2);
  });

  it('tries of a lost message do not count for another', async () => {
    const disk: MapDisk = new Map();
    await stopped(async (running) => {
      const { service } = running;
      await publish(running, 'good', 'bad');
      const failed = new Collector<unknown>();
      service.events.on('handler-error', (event) => void failed.push(event));
      const group = await service.startConsumerGroup<string>({
        group: 'g',
        topics: ['orders'],
        retry: { attempts: 3, initialMs: 60_000, maxMs: 60_000 },
        handler: ({ value }) => {
          if (value === 'bad') throw new Error('no');
        },
      });
      await failed.atLeast(1);
      await group.stop();
    }, disk);
    olderCopy(disk, 'orders:0', 0);
    const running = await start({}, disk);
    expect((await publish(running, 'other'))[0]!.offset).toBe(2);
  });

  it('no group begins in a new topic at its offset in an earlier one of the same name', async () => {
    const disk: MapDisk = new Map();
    await stopped(async (running) => {
      await publish(running, 1, 2, 3);
      await running.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 3 }]);
    }, disk);
    disk.get(META)!.delete('topic\0orders');
    disk.delete('orders:0');
    const { service } = await start({}, disk);
    await service.startTopic('orders');
    expect(service.groups.committed('g', 'orders', 0)).toBeNull();
    expect(service.groups.list()).toEqual([]);
  });
});

it('a store knows what groups need before anything is written to it', async () => {
  const disk: MapDisk = new Map();
  await stopped(async (running) => {
    await publish(running, 1, 2, 3);
    await running.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
  }, disk);
  const adapter = new SlowAdapter(disk);
  const service = new TopicsService({ default: adapter, all: [adapter] }, {});
  const retained: unknown[] = [];
  adapter.onWrite = (topic) =>
    void (topic === 'orders' && retained.push(adapter.opened.get('orders:0')!.retained));
  const published = new Promise((resolve) =>
    service.events.on('topic-started', () => resolve(service.publish('orders', { value: 4 }))),
  );
  await service.onModuleInit();
  await published;
  expect(retained).toEqual([offsetKey(0)]);
  await service.onApplicationShutdown();
});

it('a truncation holds even if its data could not be removed, at once and after a restart', async () => {
  const running = await start({ topics: [{ name: 'orders', dedup: {} }] });
  const { service, adapter } = running;
  await service.publish('orders', { id: 'a', value: 1 });
  const fails = () => Promise.reject(new StorageIoError('no'));
  adapter.opened.get('orders:0')!.truncate = fails;
  await expect(service.topic('orders').truncate()).rejects.toThrowError(coded('IO_ERROR'));
  const partition = service.topic('orders').partition(0);
  expect(partition.startOffset).toBe(1);
  const again = await service.publish('orders', { id: 'a', value: 1 });
  expect(again.duplicate).toBeUndefined();
  expect((await partition.readMessages({ offset: 1 })).messages).toHaveLength(1);
  const restarted = await start({}, adapter.disk);
  expect(restarted.service.topic('orders').partition(0).startOffset).toBe(1);
});

it('a deletion that cannot be finished does not stop the start, and is finished later', async () => {
  const disk: MapDisk = new Map();
  await stopped(async ({ service, adapter }) => {
    await service.startTopic('orders');
    await service.startTopic('others');
    adapter.destroy = () => Promise.reject(new StorageIoError('no'));
    await service.deleteTopic('orders').catch(() => {});
  }, disk);
  disk.delete = () => {
    throw new StorageIoError('no');
  };
  await stopped(async ({ service }) => {
    await service.publish('others', { value: 1 });
    await expect(service.publish('orders', { value: 1 })).rejects.toThrowError(coded('TOPIC_STOPPED'));
  }, disk);
  Reflect.deleteProperty(disk, 'delete');
  const { service } = await start({}, disk);
  expect(service.listTopics().map(({ name }) => name)).toEqual(['others']);
  expect(disk.has('orders:0')).toBe(false);
});
