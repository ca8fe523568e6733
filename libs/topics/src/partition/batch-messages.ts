import { type Codec, jsonCodec } from '@genrocks/storage';
import type { Message } from '../message.js';
import { BatchReader } from '../records/batch-reader.js';
import { offsetFromKey } from './offset-key.js';
import { StoredMessage } from './stored-message.js';

/**
 * The messages of one entry of a partition's store, for programs that read a log without opening its topic. Transaction
 * markers are no messages.
 *
 * @param key the entry's key, the batch's base offset
 * @param batch the entry's value; the messages are views of it
 * @param codec of the values; JSON if nothing else is said
 * @returns undefined where the key is none of a partition's
 * @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`
 */
export function messagesOfBatch<T = unknown>(
  where: { readonly topic: string; readonly partition: number },
  key: Buffer,
  batch: Buffer,
  codec: Codec<T> = jsonCodec as Codec<T>,
): Message<T>[] | undefined {
  if (offsetFromKey(key) === undefined) return undefined;
  const records = new BatchReader(batch);
  const messages: Message<T>[] = [];
  if (records.header.control) return messages;
  for (let record = records.next(); record !== undefined; record = records.next())
    messages.push(new StoredMessage(where.topic, where.partition, record, codec));
  return messages;
}
