import { isGenRocksError } from '@genrocks/storage';
import type { Clock } from '../clock.js';
import type { Message } from '../message.js';
import type { RecordHeaderInput, RecordInput } from '../records/batch-writer.js';
import type { Topic } from '../topic.js';
import { DeadLetterHeader, isoTime, reasonHeaders, textHeader } from './dead-letter-headers.js';

/** Finds a dead-letter topic, or creates it on the storage adapter of its source topic. @internal */
export type DeadLetterTopics = (name: string, source: string) => Promise<Topic>;

/** Where a message came from that a group has given up on, and the error. @internal */
export interface Burial {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly error: unknown;
}

/**
 * Bytes between two offsets that cannot be read as messages. `bytes` is null if the store cannot read them at
 * all.
 * @internal
 */
export interface Unreadable {
  readonly offset: number;
  readonly nextOffset: number;
  readonly bytes: Buffer | null;
}

/**
 * Writes dead letters: the original bytes, and headers with the reason, the origin and the number of tries.
 */
export class DeadLetterWriter {
  constructor(
    private readonly topics: DeadLetterTopics,
    private readonly clock: Clock,
  ) {}

  /** Stores a message as a dead letter. Rejects with the store's error, and may then be called again. */
  async message(
    to: string,
    burial: Burial,
    message: Message,
    attempts: number,
    firstFailedAt: number,
  ): Promise<void> {
    const headers = [
      ...originalHeaders(message),
      ...this.place(burial, message.offset, 'message'),
      textHeader(DeadLetterHeader.attempts, String(attempts)),
      textHeader(DeadLetterHeader.firstFailedAt, isoTime(firstFailedAt)),
      textHeader(DeadLetterHeader.publishedAt, isoTime(message.timestamp)),
    ];
    const { keyBytes: key, valueBytes: value } = message;
    await this.write(to, burial.topic, { key, value, headers, timestamp: this.clock.now() });
  }

  async bytes(to: string, burial: Burial, { offset, nextOffset, bytes }: Unreadable): Promise<void> {
    const headers = [
      ...this.place(burial, offset, 'bytes'),
      textHeader(DeadLetterHeader.nextOffset, String(nextOffset)),
    ];
    await this.write(to, burial.topic, { key: null, value: bytes, headers, timestamp: this.clock.now() });
  }

  private place(
    { group, topic, partition, error }: Burial,
    offset: number,
    kind: string,
  ): RecordHeaderInput[] {
    return [
      ...reasonHeaders(error),
      textHeader(DeadLetterHeader.kind, kind),
      textHeader(DeadLetterHeader.topic, topic),
      textHeader(DeadLetterHeader.partition, String(partition)),
      textHeader(DeadLetterHeader.offset, String(offset)),
      textHeader(DeadLetterHeader.group, group),
      textHeader(DeadLetterHeader.lastFailedAt, isoTime(this.clock.now())),
    ];
  }

  private async write(to: string, source: string, record: RecordInput): Promise<void> {
    const topic = await this.topics(to, source);
    try {
      await topic.publishRecord(record);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      // The added headers made it too large. Store it without its value rather than block the group for ever:
      // the value is still in the original topic.
      const bytes = String(record.value?.length ?? 0);
      const headers = [...record.headers, textHeader(DeadLetterHeader.droppedBytes, bytes)];
      await topic.publishRecord({ ...record, value: null, headers });
    }
  }
}

function originalHeaders(message: Message): RecordHeaderInput[] {
  try {
    return message.headerBytes.map(([name, value]) => ({ name: Buffer.from(name), value }));
  } catch {
    // Unreadable headers may be what is wrong with the message. Keep the rest of it.
    return [];
  }
}

function isTooLarge(error: unknown): boolean {
  return isGenRocksError(error, 'TOO_LARGE') || isGenRocksError(error, 'MESSAGE_TOO_LARGE');
}
