import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StorageIoError } from '@genrocks/storage';
import { type Running, startService } from '../__fixtures__/service.js';
import { coded, settled } from '../__fixtures__/waiting.js';
import type { Topic } from '../topic.js';
import type { Partition } from './partition.js';

let running: Running;
let topic: Topic;
let partition: Partition;

beforeEach(async () => {
  running = await startService({ tailCacheBytes: 2_000 });
  topic = await running.service.startTopic('orders');
  partition = topic.partition(0);
});
afterEach(() => running.stop());

/**
 * Publishes `calls` record batches of `each` messages. Values count up from 0, timestamps are ten times the
 * value.
 */
async function fill(calls: number, each: number): Promise<void> {
  for (let call = 0; call < calls; call++) {
    await topic.publishBatch(
      Array.from({ length: each }, (_, i) => ({ value: call * each + i, timestamp: (call * each + i) * 10 })),
    );
  }
}

describe('reading messages', () => {
  it('from any offset gives every message once, from cache or store', async () => {
    await fill(60, 7);
    for (const limit of [1, 5, 1000]) {
      const seen: unknown[] = [];
      for (let offset = 0; offset < partition.endOffset;) {
        const read = await partition.readMessages({ offset, limit, maxBytes: 300 });
        expect(read.messages.length).toBeLessThanOrEqual(limit);
        expect(read.nextOffset).toBeGreaterThan(offset);
        seen.push(...read.messages.map(({ value }) => value));
        offset = read.nextOffset;
      }
      expect(seen).toEqual(Array.from({ length: 420 }, (_, i) => i));
    }
    for (let offset = 0; offset < 420; offset += 13) {
      expect((await partition.readMessages({ offset, limit: 1 })).messages[0]!.offset).toBe(offset);
    }
  });

  it('goes to the store only for what is not among the newest', async () => {
    await fill(60, 7);
    const before = running.adapter.reads;
    await partition.readMessages({ offset: 415 });
    expect(running.adapter.reads).toBe(before);
    await partition.readMessages({ offset: 0 });
    expect(running.adapter.reads).toBeGreaterThan(before);
    expect((await running.service.systemStatus()).memory.tailCacheBytes).toBeLessThanOrEqual(2_000);
  });

  it('outside of the log fails, at its end gives nothing', async () => {
    await fill(1, 3);
    for (const offset of [-1, 4, 0.5, NaN]) {
      await expect(partition.readMessages({ offset })).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    }
    expect(await partition.readMessages({ offset: 3 })).toEqual({
      messages: [],
      nextOffset: 3,
      endOffset: 3,
      startOffset: 0,
    });
  });

  it('never reads without a limit', async () => {
    await fill(60, 7);
    for (const maxBytes of [NaN, -1, 0]) {
      const { batches } = await partition.readBatches({ offset: 0, maxBytes });
      expect(batches.length).toBe(maxBytes === 0 ? 1 : 60);
    }
    expect(await partition.readMessages({ offset: 3, limit: 0 })).toMatchObject({
      messages: [],
      nextOffset: 3,
    });
  });

  it('finds the first message at or after a time', async () => {
    await fill(20, 7);
    for (const timestamp of [0, 1, 10, 345, 700, 1390]) {
      const offset = Math.ceil(timestamp / 10);
      expect(await partition.offsetForTimestamp(timestamp)).toEqual({ offset, timestamp: offset * 10 });
    }
    expect(await partition.offsetForTimestamp(1391)).toBeNull();
  });

  it('shows the log of the store', async () => {
    await fill(2, 3);
    const entries = [];
    for await (const page of partition.readLog()) entries.push(...page);
    expect(entries.map(({ key }) => key.readBigUInt64BE())).toEqual([0n, 3n]);
  });
});

describe('retention', () => {
  it('moves the start, for readers too', async () => {
    await fill(10, 3);
    running.adapter.opened.get('orders:0')!.evict(4);
    await expect(partition.readMessages({ offset: 0 })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      details: { startOffset: 12, endOffset: 30 },
    });
    expect((await partition.readMessages({ offset: 12 })).messages).toHaveLength(18);
    expect((await partition.info()).backlog).toBe(18);
  });

  it('is noticed by all who read at the same time: what is gone is no gap to read over', async () => {
    await fill(40, 3);
    running.adapter.opened.get('orders:0')!.evict(4);
    const reads = [0, 3, 6].map((offset) => partition.readMessages({ offset }));
    for (const read of await Promise.allSettled(reads)) {
      expect(read).toEqual({ status: 'rejected', reason: coded('OFFSET_OUT_OF_RANGE') });
    }
  });

  it('is noticed after a look at the store that failed, too', async () => {
    await fill(40, 3);
    const store = running.adapter.opened.get('orders:0')!;
    store.evict(4);
    const scan = vi.spyOn(store, 'scanPages').mockImplementationOnce(() => {
      throw new StorageIoError('not now');
    });
    await expect(partition.readMessages({ offset: 0 })).rejects.toThrowError(coded('IO_ERROR'));
    scan.mockRestore();
    await expect(partition.readMessages({ offset: 0 })).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
  });
});

describe('waiting for data', () => {
  it('ends as soon as there is some', async () => {
    const read = partition.readMessages({ offset: 0, waitMs: 60_000 });
    await settled();
    await topic.publish({ value: 'now' });
    expect((await read).messages.map(({ value }) => value)).toEqual(['now']);
    expect(await partition.waitForData(0)).toBe(true);
  });

  it('ends with the time, the signal, or the topic', async () => {
    expect((await partition.readMessages({ offset: 0, waitMs: 1 })).messages).toEqual([]);
    const abort = new AbortController();
    const read = partition.readMessages({ offset: 0, waitMs: 60_000, signal: abort.signal });
    const wait = partition.waitForData(0, { signal: abort.signal });
    const untilClosed = partition.waitForData(0);
    await settled();
    abort.abort();
    expect((await read).messages).toEqual([]);
    expect(await wait).toBe(false);
    await running.service.stopTopic('orders');
    expect(await untilClosed).toBe(false);
    expect(await partition.waitForData(0)).toBe(false);
  });

  it('gathers at least minBytes', async () => {
    const read = partition.readBatches({ offset: 0, minBytes: 150, waitMs: 60_000 });
    await topic.publish({ value: 1 });
    await settled();
    await topic.publish({ value: 2 });
    await topic.publish({ value: 3 });
    expect((await read).batches.length).toBeGreaterThan(1);
  });
});

describe('truncate', () => {
  it('removes everything and lets offsets go on', async () => {
    await fill(3, 3);
    await topic.truncate();
    expect([partition.startOffset, partition.endOffset]).toEqual([9, 9]);
    await expect(partition.readMessages({ offset: 8 })).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    expect((await topic.publish({ value: 'new' })).offset).toBe(9);
    expect((await partition.readMessages({ offset: 9 })).messages).toHaveLength(1);
  });

  it('takes its turn among publishes', async () => {
    const before = topic.publish({ value: 'gone' });
    const truncated = topic.truncate();
    const after = topic.publish({ value: 'kept' });
    await Promise.all([before, truncated, after]);
    expect((await after).offset).toBe(1);
    expect((await partition.readMessages({ offset: 1 })).messages.map(({ value }) => value)).toEqual([
      'kept',
    ]);
  });
});
