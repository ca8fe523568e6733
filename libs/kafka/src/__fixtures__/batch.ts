import type { TopicsService } from '@genrocks/topics';

/** Fields of a record batch that tests set. */
export interface BatchFields {
  readonly producerId?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly attributes?: number;
}

/** A batch of `count` records as a producer builds it, made in the topic `scratch`. */
export async function makeBatch(
  topics: TopicsService,
  count: number,
  fields: BatchFields = {},
): Promise<Buffer> {
  const topic = await topics.startTopic('scratch');
  await topic.truncate();
  const partition = topic.partition(0);
  await topic.publishBatch(Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: i })));
  const { batches } = await partition.readBatches({ offset: partition.startOffset });
  const batch = Buffer.from(batches[0]!);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt16BE(fields.attributes ?? 0, 21);
  batch.writeBigInt64BE(BigInt(fields.producerId ?? -1), 43);
  batch.writeInt16BE(fields.epoch ?? -1, 51);
  batch.writeInt32BE(fields.sequence ?? -1, 53);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** CRC-32C, bit by bit: slow, but independent of the implementation under test. */
export function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
