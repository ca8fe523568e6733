import type { Codec } from '@genrocks/storage';
import type { Message } from '../message.js';
import { BatchReader, type RecordView } from '../records/batch-reader.js';
import { StoredMessage } from './stored-message.js';

/** Turns the records of one partition into messages. */
export class MessageDecoder {
  constructor(
    private readonly topic: string,
    private readonly partition: number,
    private readonly codec: Codec<unknown>,
  ) {}

  message<T>(record: RecordView): Message<T> {
    return new StoredMessage(this.topic, this.partition, record, this.codec as Codec<T>);
  }

  /**
   * Adds the messages of a batch from `from` on. Returns the offset to continue at if the batch was not read
   * to its end.
   */
  decode<T>(batch: Buffer, from: number, limit: number, into: Message<T>[]): number | undefined {
    try {
      const records = new BatchReader(batch, { verify: false });
      // Transaction markers occupy offsets, but are not messages.
      if (records.header.control) return undefined;
      for (let record = records.next(); record !== undefined; record = records.next()) {
        if (record.offset < from) continue;
        if (into.length >= limit) return record.offset;
        into.push(this.message<T>(record));
      }
      return undefined;
    } catch (error) {
      // Messages before the damage are good. The next read starts at the damage and fails.
      const last = into[into.length - 1];
      if (last === undefined) throw error;
      return last.offset + 1;
    }
  }
}
