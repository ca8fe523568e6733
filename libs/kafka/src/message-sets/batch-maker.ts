import { BatchWriter, compressBatch, recordBytes } from '@genrocks/topics/records';
import { readMessageSet } from './message-set-reader.js';

/** Most bytes that the compressed messages of one set may unpack to. */
const MAX_UNPACKED_BYTES = 16 * 1024 * 1024;

/**
 * Converts message sets to record batches, compressed with the producer's codec. Converts one set at a time across all
 * connections, because unpacked messages take memory.
 */
export class BatchMaker {
  private last: Promise<unknown> = Promise.resolve();

  /** @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION` */
  make(set: Buffer): Promise<Buffer> {
    const made = this.last.then(() => make(set));
    this.last = made.catch(() => {});
    return made;
  }
}

function make(set: Buffer): Promise<Buffer> {
  const { records, compression } = readMessageSet(set, Date.now(), MAX_UNPACKED_BYTES);
  const writer = new BatchWriter(set.length);
  for (const record of records) writer.append(record, recordBytes(record));
  return compressBatch(writer.finish(0), compression);
}
