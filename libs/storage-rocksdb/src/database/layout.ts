import type { StoreId } from '@genrocks/storage';

/*
 * Keys of the database. The first byte is the key space. Integers are big-endian, so that keys sort by number. The README
 * has the layout byte by byte.
 */
const SYSTEM = 0x00;
const CATALOGUE = 0x01;
const ENTRIES = 0x02;

/** Within a store: entries by key, then keys in the order of the writes. */
const BY_KEY = 0x00;
const BY_SEQUENCE = 0x01;

export const FORMAT_VERSION = 1;
export const FORMAT_KEY = Buffer.concat([Buffer.from([SYSTEM]), Buffer.from('format')]);
/** Holds the number of the next store; numbers are never reused. */
export const NEXT_ID_KEY = Buffer.concat([Buffer.from([SYSTEM]), Buffer.from('next')]);

export const CATALOGUE_START = Buffer.from([CATALOGUE]);
export const CATALOGUE_END = Buffer.from([CATALOGUE + 1]);

const CATALOGUE_HEAD = 5;
const STORE_PREFIX = 9;
const UINT64 = 8;

/** What the catalogue records about a store; written with every commit to the store. */
export interface StoreCounters {
  /** Live entries. */
  items: number;
  /** Bytes of their keys and records. */
  bytes: number;
  /** Number of the next write, from 1. */
  nextSequence: number;
  /** Time of the newest write, in ms since 1970. */
  lastTimestamp: number;
  /** Bytes of the largest key and record since the store was created or truncated: bounds the size of a page. */
  largest: number;
}

export interface CatalogueRecord extends StoreCounters {
  readonly id: number;
}

export function emptyCounters(): StoreCounters {
  return { items: 0, bytes: 0, nextSequence: 1, lastTimestamp: 0, largest: 0 };
}

export function catalogueKey({ topic, partition }: StoreId): Buffer {
  const key = Buffer.alloc(CATALOGUE_HEAD + Buffer.byteLength(topic));
  key[0] = CATALOGUE;
  key.writeUInt32BE(partition, 1);
  key.write(topic, CATALOGUE_HEAD);
  return key;
}

export function parseCatalogueKey(key: Buffer): StoreId {
  return { partition: key.readUInt32BE(1), topic: key.toString('utf8', CATALOGUE_HEAD) };
}

export function catalogueValue(id: number, counters: StoreCounters): Buffer {
  const { items, bytes, nextSequence, lastTimestamp, largest } = counters;
  const value = Buffer.alloc(6 * UINT64);
  [id, items, bytes, nextSequence, lastTimestamp, largest].forEach((n, i) => writeUInt(value, n, i * UINT64));
  return value;
}

export function parseCatalogueValue(value: Buffer): CatalogueRecord {
  const at = (index: number) => readUInt(value, index * UINT64);
  return {
    id: at(0),
    items: at(1),
    bytes: at(2),
    nextSequence: at(3),
    lastTimestamp: at(4),
    largest: at(5),
  };
}

export function uintValue(value: number): Buffer {
  const bytes = Buffer.alloc(UINT64);
  writeUInt(bytes, value, 0);
  return bytes;
}

export function parseUintValue(value: Buffer): number {
  return readUInt(value, 0);
}

/** Builds the keys of one store. Keys of entries are strings in the form of `keyToString`. */
export class StoreKeys {
  /** Start of the range that holds the store, inclusive. */
  readonly start: Buffer;
  /** End of that range, exclusive. */
  readonly end: Buffer;
  private readonly entriesEnd: Buffer;

  constructor(id: number) {
    this.start = prefixOf(id);
    this.end = prefixOf(id + 1);
    this.entriesEnd = Buffer.concat([this.start, Buffer.from([BY_SEQUENCE])]);
  }

  entry(key: string): Buffer {
    const bytes = Buffer.allocUnsafe(STORE_PREFIX + 1 + key.length);
    this.start.copy(bytes);
    bytes[STORE_PREFIX] = BY_KEY;
    bytes.write(key, STORE_PREFIX + 1, 'latin1');
    return bytes;
  }

  /** The user's key within a key made by {@link entry}. */
  userKey(entry: Buffer): Buffer {
    return entry.subarray(STORE_PREFIX + 1);
  }

  /** Bounds of the entries with `lower <= key < upper`. */
  entries(lower = '', upper?: string): { gte: Buffer; lt: Buffer } {
    return { gte: this.entry(lower), lt: upper === undefined ? this.entriesEnd : this.entry(upper) };
  }

  sequence(sequence: number): Buffer {
    const bytes = Buffer.allocUnsafe(STORE_PREFIX + 1 + UINT64);
    this.start.copy(bytes);
    bytes[STORE_PREFIX] = BY_SEQUENCE;
    writeUInt(bytes, sequence, STORE_PREFIX + 1);
    return bytes;
  }

  parseSequence(key: Buffer): number {
    return readUInt(key, STORE_PREFIX + 1);
  }
}

function prefixOf(id: number): Buffer {
  const prefix = Buffer.alloc(STORE_PREFIX);
  prefix[0] = ENTRIES;
  writeUInt(prefix, id, 1);
  return prefix;
}

/** Writes a whole number up to 2^53 as an unsigned 64-bit integer, without a BigInt. */
export function writeUInt(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 4);
}

export function readUInt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}
