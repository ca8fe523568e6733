import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { DiskLogModule, DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { findPartitions } from '@genrocks/storage-disklog/tools';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importLegacy } from './import.js';

let base: string;
let legacy: string;
let target: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'genrocks-import-'));
  legacy = join(base, 'legacy');
  target = join(base, 'new');
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function write(topic: string, partition: number, entries: Record<string, string>): Promise<void> {
  const adapter = new DiskLogStorageAdapter({ logDir: legacy, sync: 'os', maxNoBytes: '1MB' });
  const store = await adapter.open(topic, partition);
  for (const [key, value] of Object.entries(entries)) await store.put(key, value);
  await adapter.close();
}

const message = (value: unknown, more = {}) =>
  JSON.stringify({
    key: 'k',
    value,
    headers: { trace: 't' },
    timestamp: '2025-03-01T00:00:00Z',
    metadata: { m: 1 },
    ...more,
  });

const runImport = async (state?: string) =>
  importLegacy(await findPartitions(legacy), target, { state, onProgress: () => undefined });

async function withTopics<T>(use: (topics: TopicsService) => Promise<T>): Promise<T> {
  const storage = DiskLogModule.forRoot({ logDir: target });
  const moduleRef = await Test.createTestingModule({
    imports: [TopicsModule.forRoot({ storage })],
  }).compile();
  moduleRef.useLogger(false);
  await moduleRef.init();
  try {
    return await use(moduleRef.get(TopicsService));
  } finally {
    await moduleRef.close();
  }
}

describe('importing a legacy log_dir', () => {
  it('keeps offsets, keys, headers, metadata, timestamps, gaps, group offsets and the next offset', async () => {
    const entries = Object.fromEntries(
      [1500, 1501, 1504].map((offset) => [`msg:${offset}`, message({ offset })]),
    );
    await write('shop/orders', 0, { ...entries, offset_counter: '1510', 'consumer_offset:billing': '1501' });
    await write('shop/orders', 2, {
      'msg:0': message(null),
      'consumer_offset:billing': '99',
      setting: 'x',
      'consumer_offset:': '1',
    });
    const report = await runImport();
    expect(report.partitions).toMatchObject([
      {
        partition: 0,
        messages: 3,
        startOffset: 1500,
        nextOffset: 1510,
        missingOffsets: 7,
        groups: 1,
        otherKeys: 0,
      },
      {
        partition: 2,
        messages: 1,
        startOffset: 0,
        nextOffset: 1,
        otherKeys: 1,
        groupsMovedToEnd: ['billing'],
      },
    ]);
    await withTopics(async (topics) => {
      const topic = topics.topic('shop/orders');
      expect(topic.partitionCount).toBe(3);
      const first = topic.partition(0);
      expect([first.startOffset, first.endOffset]).toEqual([1500, 1510]);
      const { messages, nextOffset } = await first.readMessages({ offset: 1500 });
      expect(messages.map(({ offset, value }) => [offset, value])).toEqual(
        [1500, 1501, 1504].map((offset) => [offset, { offset }]),
      );
      expect(nextOffset).toBe(1505);
      expect((await first.readMessages({ offset: 1505 })).nextOffset).toBe(1510);
      const time = Date.parse('2025-03-01T00:00:00Z');
      expect(messages[0]).toMatchObject({
        key: 'k',
        headers: { trace: 't' },
        metadata: { m: 1 },
        timestamp: time,
      });
      expect(topics.groups.committed('billing', 'shop/orders', 0)?.offset).toBe(1501);
      expect(topics.groups.committed('billing', 'shop/orders', 2)?.offset).toBe(1);
      expect((await topic.publish({ value: 1, partition: 0 })).offset).toBe(1510);
      const later = await first.readMessages({ offset: 1504 });
      expect(later.messages.map(({ offset }) => offset)).toEqual([1504, 1510]);
      const tombstone = await topic.partition(2).readMessages({ offset: 0 });
      expect(tombstone.messages[0]!.value).toBeNull();
    });
  });

  it('keeps other keys in a store where that is wanted', async () => {
    await write('orders', 0, { 'msg:0': message(1), rate: '19', name: 'x' });
    expect((await runImport('state')).partitions[0]).toMatchObject({
      otherKeys: 2,
      stateStore: 'orders.state',
    });
    const adapter = new DiskLogStorageAdapter({ logDir: target });
    const store = await adapter.open('orders.state', 0, { retain: 'all' });
    expect((await store.get('rate'))?.toString()).toBe('19');
    await adapter.close();
  });

  it('makes room for all messages, however small the files were', async () => {
    const entries = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`msg:${i}`, message('v'.repeat(200))]),
    );
    await write('orders', 0, entries);
    expect((await runImport()).partitions[0]).toMatchObject({ messages: 3000, startOffset: 0 });
    await withTopics(async (topics) => {
      expect(topics.topic('orders').partition(0)).toMatchObject({ startOffset: 0, endOffset: 3000 });
    });
  });

  it('says of a log_dir of its own that it needs no import', async () => {
    await write('__genrocks', 0, { 'msg:0': message(1) });
    await expect(runImport()).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('needs no import') as string,
    });
  });

  it('leaves nothing behind when it fails', async () => {
    await write('__other', 0, { 'msg:0': message(1) });
    await expect(runImport()).rejects.toMatchObject({ code: 'RESERVED_TOPIC_NAME' });
    expect(await readdir(base)).toEqual(['legacy']);
    await expect(importLegacy([], legacy, { onProgress: () => undefined })).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
    });
  });
});
