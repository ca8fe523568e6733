import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { Collector, coded } from './__fixtures__/waiting.js';
import type { Message } from './message.js';
import { TopicsService } from './topics.service.js';

describe('deleting records', () => {
  let disk: MapDisk;
  let running: Running;

  beforeEach(async () => {
    disk = new Map();
    running = await startService({ topics: [{ name: 't' }] }, disk);
  });
  afterEach(() => running.stop());

  const partition = () => running.service.topic('t').partition(0);
  const offsets = async () => {
    const { messages } = await partition().readMessages({ offset: partition().startOffset });
    return messages.map(({ offset }) => offset);
  };
  const publish = async (count: number) => {
    for (let i = 0; i < count; i++) await running.service.publish('t', { value: i });
  };

  it('moves the start forward, even into a batch, never back, and across restarts', async () => {
    await running.service.publishBatch(
      't',
      Array.from({ length: 5 }, (_, value) => ({ value })),
    );
    await publish(3);
    expect(await partition().deleteRecords(2)).toBe(2);
    expect(await offsets()).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await partition().deleteRecords(6)).toBe(6);
    expect(await partition().deleteRecords(1)).toBe(6);
    await expect(partition().readMessages({ offset: 5 })).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    await running.stop();
    running = await startService({}, disk);
    expect(await offsets()).toEqual([6, 7]);
    await publish(1);
    expect(await offsets()).toEqual([6, 7, 8]);
  });

  it('can remove all records, and offsets continue', async () => {
    await publish(3);
    expect(await partition().deleteRecords(3)).toBe(3);
    expect(await offsets()).toEqual([]);
    await running.stop();
    running = await startService({}, disk);
    expect(partition().describe()).toMatchObject({ startOffset: 3, endOffset: 3 });
    await publish(1);
    expect(await offsets()).toEqual([3]);
  });

  it.each([-1, 1.5, 4])('refuses %d', async (before) => {
    await publish(3);
    await expect(partition().deleteRecords(before)).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    expect(await offsets()).toEqual([0, 1, 2]);
  });

  it('keeps its promise when the data cannot be removed', async () => {
    await publish(3);
    running.adapter.onWrite = (name) => {
      if (name === 't') throw new Error('no');
    };
    await partition()
      .deleteRecords(2)
      .catch(() => {});
    running.adapter.onWrite = () => {};
    expect(await offsets()).toEqual([2]);
  });

  it('lets a group that was behind continue at the new start', async () => {
    await publish(3);
    await running.service.groups.commitOffsets('g', [{ topic: 't', partition: 0, offset: 0 }]);
    await partition().deleteRecords(2);
    const seen = new Collector<Message>();
    const handler = (message: Message) => seen.push(message);
    await running.service.startConsumerGroup({ group: 'g', topics: ['t'], handler });
    expect((await seen.atLeast(1)).map(({ offset }) => offset)).toEqual([2]);
  });

  it('frees memory at once', async () => {
    const adapter = new EtsStorageAdapter();
    const service = new TopicsService({ default: adapter, all: [adapter] }, { topics: [{ name: 't' }] });
    await service.onModuleInit();
    for (let i = 0; i < 10; i++) await service.publish('t', { value: i });
    const items = async () => (await service.topic('t').info()).partitions[0]!.store!.items;
    await service.topic('t').partition(0).deleteRecords(7);
    expect(await items()).toBe(3);
    await service.onApplicationShutdown();
  });
});

describe('altering the storage of a topic', () => {
  let logDir: string;
  let service: TopicsService;

  beforeEach(async () => {
    logDir = await mkdtemp(join(tmpdir(), 'genrocks-alter-'));
    service = await start();
  });
  afterEach(async () => {
    await service.onApplicationShutdown();
    await rm(logDir, { recursive: true, force: true });
  });

  const start = async () => {
    const adapter = new DiskLogStorageAdapter({ logDir });
    const started = new TopicsService({ default: adapter, all: [adapter], beforeClose: undefined }, {});
    await started.onModuleInit();
    await started.onApplicationBootstrap();
    const stop = started.onApplicationShutdown.bind(started);
    started.onApplicationShutdown = () => stop().then(() => adapter.close());
    return started;
  };
  const files = async () => {
    const { partitions } = await service.topic('t').info();
    return partitions[0]!.store!.details['max_no_files'];
  };

  it('takes effect at once and across restarts; messages, groups and consumers are kept', async () => {
    await service.startTopic('t', { storage: { maxNoFiles: 3 } });
    const seen = new Collector<Message>();
    await service.startConsumerGroup({
      group: 'g',
      topics: ['t'],
      handler: (message: Message) => seen.push(message),
    });
    await service.publish('t', { value: 1 });
    await seen.atLeast(1);
    await service.alterStorage('t', { maxNoFiles: 5 });
    expect(await files()).toBe(5);
    await service.publish('t', { value: 2 });
    expect((await seen.atLeast(2)).map(({ value }) => value)).toEqual([1, 2]);
    await service.onApplicationShutdown();
    service = await start();
    expect(await files()).toBe(5);
    await service.alterStorage('t', {});
    expect(await files()).toBe(10);
  });

  it('refuses what is not allowed and changes nothing', async () => {
    await service.startTopic('t', { storage: { maxNoFiles: 3 } });
    await expect(service.alterStorage('t', { maxNoFiles: 0 })).rejects.toThrowError(coded('INVALID_CONFIG'));
    await expect(service.alterStorage('none', {})).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
    expect(await files()).toBe(3);
    await service.stopTopic('t');
    await service.alterStorage('t', { maxNoFiles: 4 });
    await service.startTopic('t');
    expect(await files()).toBe(4);
  });
});
