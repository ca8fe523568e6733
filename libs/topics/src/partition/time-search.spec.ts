import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdPage, publishOutOfOrder, type Running, startService } from '../__fixtures__/service.js';
import { coded } from '../__fixtures__/waiting.js';
import { setCompression } from '../records/batch-header.js';
import type { Topic } from '../topic.js';
import type { Partition } from './partition.js';

const BATCH_RECORDS = 10;
const MAX_TIMESTAMP_AT = 35;
const RECORDS_AT = 61;

describe('the search for a time', () => {
  let running: Running;
  let scratch: Topic;
  let partition: Partition;

  beforeEach(async () => {
    running = await startService({ tailCacheBytes: 0 });
    scratch = await running.service.startTopic('scratch', { compression: 'gzip' });
    partition = (await running.service.startTopic('orders')).partition(0);
  });
  afterEach(() => running.stop());

  /** A packed batch whose records have the timestamps from `from` on. */
  const packed = async (from: number): Promise<Buffer> => {
    const offset = scratch.partition(0).endOffset;
    const value = 'x'.repeat(100);
    await scratch.publishBatch(
      Array.from({ length: BATCH_RECORDS }, (_, i) => ({ value, timestamp: from + i })),
    );
    const { batches } = await scratch.partition(0).readBatches({ offset });
    return Buffer.from(batches[0]!);
  };
  /** The same batch with another newest timestamp in its header. */
  const forged = (batch: Buffer, maxTimestamp: number): Buffer => {
    batch.writeBigInt64BE(BigInt(maxTimestamp), MAX_TIMESTAMP_AT);
    setCompression(batch, 'gzip');
    return batch;
  };
  const append = async (batches: readonly Buffer[]) => {
    for (const batch of batches) await partition.append(batch);
  };

  it('reads few batches, and looks at the records of one', async () => {
    const batches: Buffer[] = [];
    for (let i = 0; i < 64; i++) batches.push(await packed(i * 100));
    // Only the batch with the record can be unpacked.
    for (const [i, batch] of batches.entries()) {
      if (i === 41) continue;
      batch.fill(0xff, RECORDS_AT);
      setCompression(batch, 'gzip');
    }
    await append(batches);
    const { adapter } = running;
    const reads = adapter.reads;

    expect(await partition.offsetForTimestamp(4_104)).toEqual({ offset: 414, timestamp: 4_104 });
    expect(await partition.offsetForTimestamp(4_010)).toEqual({ offset: 410, timestamp: 4_100 });

    expect(adapter.reads - reads).toBeLessThan(40);
  });

  it('answers where a batch begins that cannot be unpacked: whoever reads from there misses nothing', async () => {
    const damaged = await packed(100);
    damaged.fill(0xff, RECORDS_AT);
    setCompression(damaged, 'gzip');
    await append([await packed(0), damaged, await packed(200)]);

    expect(await partition.offsetForTimestamp(105)).toEqual({ offset: 10, timestamp: 109 });
  });

  it('goes on past a batch whose header is wrong', async () => {
    await append([await packed(0), forged(await packed(100), 199), await packed(200)]);

    expect(await partition.offsetForTimestamp(150)).toEqual({ offset: 20, timestamp: 200 });
  });

  it('looks into no more than a few such batches', async () => {
    for (let i = 0; i < 20; i++) await append([forged(await packed(i * 100), 1_000_000)]);

    expect(await partition.offsetForTimestamp(500_000)).toEqual({ offset: 40, timestamp: 1_000_000 });
  });

  it('finds nothing past the newest, and begins within a batch where the partition does', async () => {
    await append([await packed(0), await packed(100)]);
    await partition.deleteRecords(15);

    expect(await partition.offsetForTimestamp(0)).toEqual({ offset: 15, timestamp: 105 });
    expect(await partition.offsetForTimestamp(110)).toBeNull();
  });

  it('ends where nobody waits for it any more, however much there is to read', async () => {
    const time = await publishOutOfOrder(running);
    const held = holdPage(running);
    const gone = new AbortController();
    const search = partition.offsetForTimestamp(time, gone.signal);
    await held.reached;
    gone.abort(new Error('gone'));
    held.release();
    await expect(search).rejects.toThrow('gone');
    expect(held.pages).toBe(1);
  });

  it('ends with its topic', async () => {
    const time = await publishOutOfOrder(running);
    const held = holdPage(running);
    const search = expect(partition.offsetForTimestamp(time)).rejects.toThrowError(coded('TOPIC_STOPPED'));
    await held.reached;
    await running.service.stopTopic('orders');
    held.release();
    await search;
    expect(held.pages).toBe(1);
  });
});
