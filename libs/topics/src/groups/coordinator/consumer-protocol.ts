import { isError } from '@genrocks/storage';
import type { TopicPartition } from '../assignment.js';
import type { MemberProtocol } from './membership.types.js';

/** Metadata of a member with the protocol type `consumer`. */
export interface Subscription {
  readonly topics: readonly string[];
  readonly userData: Buffer | null;
  /**
   * Partitions the member owned when it joined. Empty if it has released all of them, and for versions before
   * 1.
   */
  readonly owned: readonly TopicPartition[];
  /** The generation in which it owned them; -1 if not stated (versions before 2). */
  readonly generation: number;
}

/** The protocol type of all consumers. */
export const CONSUMER_PROTOCOL = 'consumer';

const NOT_SAID = -1;

/**
 * ```
 * Subscription => version [topic] user_data [1+ [owned]] [2+ generation_id] [3+ rack_id]
 *   owned      => topic [partition]
 * ```
 * @param version 0 to 3; older versions leave out the fields they do not have
 */
export function encodeSubscription(
  { topics, owned, generation }: Omit<Subscription, 'userData'>,
  version: 0 | 1 | 2 | 3,
): Buffer {
  const writer = new Writer().int16(version).int32(topics.length);
  for (const topic of topics) writer.string(topic);
  writer.int32(NOT_SAID);
  if (version >= 1) writer.places(owned);
  if (version >= 2) writer.int32(generation);
  if (version >= 3) writer.int16(NOT_SAID);
  return writer.bytes();
}

/**
 * Decodes a subscription; undefined if the bytes are not one. The known fields of newer versions are read.
 */
export function decodeSubscription(bytes: Buffer): Subscription | undefined {
  return attempt(() => {
    const reader = new Reader(bytes);
    const version = reader.int16();
    const topics = reader.array(2, () => reader.string());
    const userData = reader.nullableBytes();
    const owned = version >= 1 && reader.hasMore ? reader.places() : [];
    const generation = version >= 2 && reader.hasMore ? reader.int32() : NOT_SAID;
    return { topics, userData, owned, generation };
  });
}

/**
 * ```
 * Assignment => version [topic [partition]] user_data
 * ```
 */
export function encodeAssignment(places: readonly TopicPartition[]): Buffer {
  return new Writer().int16(0).places(places).int32(NOT_SAID).bytes();
}

/** Decodes an assignment; undefined if the bytes are not one. Zero bytes mean that nothing is assigned. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] | undefined {
  if (bytes.length === 0) return [];
  return attempt(() => {
    const reader = new Reader(bytes);
    reader.int16();
    return reader.places();
  });
}

/**
 * Whether both list the same topics, whatever they own. Metadata that cannot be decoded must be equal byte by
 * byte.
 */
export function sameSubscription(
  some: readonly MemberProtocol[],
  others: readonly MemberProtocol[],
): boolean {
  return (
    some.length === others.length &&
    some.every(({ name, metadata }, i) => {
      const other = others[i]!;
      if (name !== other.name) return false;
      if (metadata.equals(other.metadata)) return true;
      const [one, two] = [decodeSubscription(metadata), decodeSubscription(other.metadata)];
      if (one === undefined || two === undefined) return false;
      return one.topics.join('\0') === two.topics.join('\0');
    })
  );
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isError(error) && error.name === 'RangeError') return undefined;
    throw error;
  }
}

/** A read past the end throws a RangeError. */
class Reader {
  private at = 0;

  constructor(private readonly buffer: Buffer) {}

  get hasMore(): boolean {
    return this.at < this.buffer.length;
  }

  int16(): number {
    this.at += 2;
    return this.buffer.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.buffer.readInt32BE(this.at - 4);
  }

  string(): string {
    return this.take(this.int16()).toString('utf8');
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.take(length);
  }

  /**
   * @param least smallest size of an element in bytes; a count that cannot fit is refused before memory is
   *   allocated
   */
  array<T>(least: number, read: () => T): T[] {
    const length = this.int32();
    if (length * least > this.buffer.length - this.at) throw new RangeError('more elements than bytes');
    const elements: T[] = [];
    for (let i = 0; i < length; i++) elements.push(read());
    return elements;
  }

  places(): TopicPartition[] {
    return this.array(6, () => {
      const topic = this.string();
      return this.array(4, () => ({ topic, partition: this.int32() }));
    }).flat();
  }

  private take(length: number): Buffer {
    if (length < 0 || length > this.buffer.length - this.at)
      throw new RangeError('more bytes than there are');
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }
}

class Writer {
  private readonly parts: Buffer[] = [];

  int16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    this.parts.push(part);
    return this;
  }

  int32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    this.parts.push(part);
    return this;
  }

  string(value: string): this {
    const part = Buffer.from(value, 'utf8');
    this.int16(part.length).parts.push(part);
    return this;
  }

  places(places: readonly TopicPartition[]): this {
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of places) {
      const partitions = topics.get(topic);
      if (partitions === undefined) topics.set(topic, [partition]);
      else partitions.push(partition);
    }
    this.int32(topics.size);
    for (const [topic, partitions] of topics) {
      this.string(topic).int32(partitions.length);
      for (const partition of partitions) this.int32(partition);
    }
    return this;
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}
