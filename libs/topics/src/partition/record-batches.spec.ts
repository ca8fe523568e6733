import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GenRocksError } from '@genrocks/storage';
import type { DeadLetterEvent } from '../events.js';
import { type Running, startService } from '../__fixtures__/service.js';
import { Collector, coded } from '../__fixtures__/waiting.js';
import { readBatchHeader } from '../records/batch-header.js';
import { BatchWriter, recordBytes } from '../records/batch-writer.js';
import { crc32c } from '../records/crc32c.js';
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

function pack(...values: string[]): Buffer {
  const writer = new BatchWriter(0);
  for (const value of values) {
    const record = { key: null, value: Buffer.from(value), headers: [], timestamp: 5 };
    writer.append(record, recordBytes(record));
  }
  return writer.finish(0);
}

describe('record batches as bytes', () => {
  it('are stored as they came, but for the base offset', async () => {
    await topic.publish({ value: 'before' });
    const batch = pack('a', 'b', 'c');
    expect(await partition.append(batch)).toEqual({ baseOffset: 1, lastOffset: 3, startOffset: 0 });
    expect(readBatchHeader(batch).baseOffset).toBe(0);
    const { batches, nextOffset } = await partition.readBatches({ offset: 2 });
    expect(batches).toHaveLength(1);
    expect(batches[0]!.subarray(8)).toEqual(batch.subarray(8));
    expect(readBatchHeader(batches[0]!).baseOffset).toBe(1);
    expect(nextOffset).toBe(4);
    const { messages } = await partition.readMessages({ offset: 2 });
    expect(messages.map(({ offset, valueBytes }) => [offset, valueBytes!.toString()])).toEqual([
      [2, 'b'],
      [3, 'c'],
    ]);
  });

  it('mix with published messages in the order of the calls', async () => {
    const results = await Promise.all([
      topic.publish({ value: 0 }),
      partition.append(pack('1', '2')),
      topic.publish({ value: 3 }),
    ]);
    expect(results).toMatchObject([{ offset: 0 }, { baseOffset: 1 }, { offset: 3 }]);
  });

  it('are refused where they are not whole, not ours to take, or too large', async () => {
    const flipped = pack('a');
    flipped[67]! ^= 1;
    await expect(partition.append(flipped)).rejects.toThrowError(coded('CORRUPT_BATCH'));
    await expect(partition.append(Buffer.concat([pack('a'), pack('b')]))).rejects.toThrowError(
      coded('CORRUPT_BATCH'),
    );
    await expect(partition.append(Buffer.alloc(0))).rejects.toThrowError(coded('CORRUPT_BATCH'));
    await expect(partition.append(Buffer.alloc(2 * 1024 * 1024))).rejects.toThrowError(
      coded('MESSAGE_TOO_LARGE'),
    );
    expect(partition.endOffset).toBe(0);
  });
});

describe('a batch nobody can read', () => {
  /** A batch with a valid checksum whose records cannot be unpacked. */
  async function appendUnreadable(): Promise<void> {
    const batch = pack('?');
    batch.writeInt16BE(4, 21);
    batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
    await partition.append(batch);
  }

  it('does not hide what lies before it', async () => {
    await topic.publish({ value: 'good' });
    await appendUnreadable();
    const read = await partition.readMessages({ offset: 0 });
    expect(read.messages.map(({ value }) => value)).toEqual(['good']);
    expect(read.nextOffset).toBe(1);
    await expect(partition.readMessages({ offset: 1 })).rejects.toThrowError(coded('CORRUPT_BATCH'));
  });

  it.each([
    ['dead-letter', true],
    ['message-dropped', false],
  ] as const)('is passed by a group, which tells of it (%s)', async (event, deadLetter) => {
    await topic.publishBatch(['a', 'b', 'c'].map((value) => ({ value })));
    await appendUnreadable();
    await topic.publish({ value: 'd' });
    const told = new Collector<unknown>();
    running.service.events.on(event, ({ offset, attempts, error }: DeadLetterEvent) =>
      told.push([offset, attempts, (error as GenRocksError).code]),
    );
    const seen = new Collector<unknown>();
    const group = await running.service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      deadLetter,
      handler: ({ value }) => seen.push(value),
    });
    await seen.atLeast(4);
    await group.stop();
    expect(seen.items).toEqual(['a', 'b', 'c', 'd']);
    expect(told.items).toEqual([[3, 0, 'CORRUPT_BATCH']]);
    expect(running.service.groups.committed('g', 'orders', 0)!.offset).toBe(5);
    expect(running.service.hasTopic('orders.dlq')).toBe(deadLetter);
  });

  it('goes to the dead letters byte by byte', async () => {
    await fill(3, 2);
    const stored = [...running.adapter.disk.get('orders:0')!.page('', undefined, false, 9)];
    await running.service.stopTopic('orders');
    stored[1]![1][65]! ^= 1;
    await running.service.startTopic('orders');
    const seen = new Collector<number>();
    const group = await running.service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      handler: ({ offset }) => seen.push(offset),
    });
    expect(await seen.atLeast(4)).toEqual([0, 1, 4, 5]);
    await group.stop();
    const { messages } = await running.service.topic('orders.dlq').partition(0).readMessages({ offset: 0 });
    expect(messages).toHaveLength(1);
    expect(messages[0]!.valueBytes).toEqual(stored[1]![1]);
    expect(messages[0]!.headers).toMatchObject({
      'genrocks-dlq-kind': 'bytes',
      'genrocks-dlq-error': 'CORRUPT_BATCH',
      'genrocks-dlq-offset': '2',
      'genrocks-dlq-next-offset': '4',
    });
  });

  it('that rotted in the store is refused, and told from those before it', async () => {
    await fill(30, 3);
    const [, rotten] = running.adapter.disk.get('orders:0')!.page('', undefined, false, 2);
    rotten![1][65]! ^= 1;
    expect((await partition.readMessages({ offset: 0 })).messages).toHaveLength(3);
    await expect(partition.readMessages({ offset: 3 })).rejects.toThrowError(coded('CORRUPT_BATCH'));
    expect((await partition.readMessages({ offset: 6 })).messages.length).toBeGreaterThan(0);
  });
});
