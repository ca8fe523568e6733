import { type Codec, jsonCodec } from '@genrocks/storage';
import type { Message } from '../message.js';
import { BatchReader } from '../records/batch-reader.js';
import { offsetFromKey } from './offset-key.js';
import { StoredMessage } from './stored-message.js';

/**
 * Decodes the messages of one entry in a partition's store, for programs that read a log without opening its
 * topic. Transaction markers are left out.
 *
 * @param key the entry's key, which is the batch's base offset
 * @param batch the entry's value; the messages are views of it
 * @param codec decodes the values. Default: JSON
 * @returns undefined if no partition has written the key
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
