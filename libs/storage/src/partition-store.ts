import { flattenPages } from './pages.js';

/** Bytes going in: strings are taken as UTF-8. */
export type BytesLike = string | Uint8Array;

/** A live entry. The buffers are the reader's own: changing them changes nothing in the store. */
export interface StoreEntry {
  /** The key, one byte at least. */
  readonly key: Buffer;
  /** The value; may be empty. */
  readonly value: Buffer;
  /**
   * The store has checked the value against a checksum made when it was written, so a reader need not do so again.
   * Default: it has not.
   */
  readonly verified?: boolean;
}

/** Gives memory of exactly this many bytes. */
export type Allocate = (bytes: number) => Buffer;

/** One operation of an atomic batch. */
export type BatchOperation =
  | { readonly type: 'put'; readonly key: BytesLike; readonly value: BytesLike }
  | { readonly type: 'delete'; readonly key: BytesLike };

/** What was written, in the order it was written. */
export type LogEntry =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer; readonly timestamp: number }
  | { readonly type: 'delete'; readonly key: Buffer; readonly timestamp: number };

/** How to read. */
export interface ReadOptions {
  /** Pass over damaged stretches of the store instead of failing with `LOG_CORRUPT`. Default false. */
  skipDamaged?: boolean;
}

/** How to write. */
export interface WriteOptions {
  /**
   * The caller leaves the bytes as they are until the promise has settled, so the store need not copy them before it
   * returns. It reads them no longer than that. A store may copy all the same. Default false.
   */
  lent?: boolean;
}

/** Which keys to read. All conditions given must hold; keys compare byte by byte, unsigned. */
export interface ScanOptions extends ReadOptions {
  /** Only keys that start with these bytes. */
  prefix?: BytesLike;
  /** Only keys above this one. */
  gt?: BytesLike;
  /** Only this key and those above it. */
  gte?: BytesLike;
  /** Only keys below this one. */
  lt?: BytesLike;
  /** Only this key and those below it. */
  lte?: BytesLike;
  /** From the highest key down. Default false. */
  reverse?: boolean;
  /** At most this many entries, counted after all other conditions. Default: no limit. */
  limit?: number;
  /**
   * End before the values given pass this many bytes in all, yet never before the first entry. So a store need not read
   * what the caller would throw away. One that counts what entries take where they are stored may end a little earlier.
   * Default: no limit.
   */
  maxBytes?: number;
  /**
   * Where entries may be read to, instead of memory of their own: whoever reads much and knows when it is done with it
   * need not leave it to the garbage collector. Entries are then the reader's for as long as that memory is. A store may
   * do without. Default: memory of their own.
   */
  allocate?: Allocate;
}

/** Which part of a log to read. */
export interface ReadLogOptions extends ReadOptions {
  /** At most this many entries. Default: no limit. */
  limit?: number;
}

/** What a store tells of itself. Sizes in bytes, times in milliseconds. */
export interface StoreInfo {
  /** Name of the adapter: `disk_log`, `ets`, `rocksdb`, or that of one of your own. */
  readonly adapter: string;
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** A resolved write survives a crash, as this store is configured. */
  readonly durable: boolean;
  /**
   * Entries stored, tombstones and overwritten values included where the adapter keeps them. An adapter that writes a
   * batch as one item may count it as one.
   */
  readonly items: number;
  /** Bytes used: on disk for a durable store, in memory for one that is not. */
  readonly bytes: number;
  /** Entries dropped by retention since the store was opened. */
  readonly lostItems: number;
  /** The adapter's own facts (files, current file, last recovery, ...). JSON-serialisable. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What happens inside a store; see `OpenStoreOptions.onEvent`. Sizes in bytes, durations (`ms`) in milliseconds. */
export type StoreEvent =
  /** Retention dropped the oldest entries. */
  | { readonly type: 'evicted'; readonly items: number; readonly bytes: number }
  /** The key index of a file was missing or unusable, and was built from the file. */
  | { readonly type: 'indexed'; readonly file: string; readonly items: number; readonly ms: number }
  /** The store had not been closed cleanly: `items` were found whole, `badBytes` were not. */
  | { readonly type: 'recovered'; readonly items: number; readonly badBytes: number; readonly ms: number }
  /** Stored bytes failed their checks, from `offset` of the file on. */
  | {
      readonly type: 'damaged';
      readonly file: string;
      readonly offset: number;
      readonly length: number;
      readonly reason: string;
    }
  /** A compaction put `items` entries, in `bytes` instead of `bytesBefore`, in the place of others. */
  | {
      readonly type: 'compacted';
      readonly items: number;
      readonly bytesBefore: number;
      readonly bytes: number;
      readonly ms: number;
    }
  /** A write was stored; `ms` includes its sync, where it waited for one. */
  | { readonly type: 'write'; readonly items: number; readonly bytes: number; readonly ms: number }
  /** The store takes no more writes until it is opened again. */
  | { readonly type: 'failed'; readonly error: Error };

/**
 * An ordered key-value store with a log behind it: one partition of one topic, or a store of a team's own state.
 *
 * - Keys and values are bytes; an empty key and an empty value are legal. Keys are ordered byte by byte, unsigned.
 * - A write resolves when it is as durable as the adapter promises; readers see only what resolved. Writes of one
 *   caller take effect in the order of the calls.
 * - The store copies what it is given before the call returns, so a buffer may be reused at once; unless it is lent.
 * - Every method fails with `STORE_CLOSED` after `close`.
 * - Every write may fail with `INVALID_ARGUMENT` or `TOO_LARGE` (nothing was stored), `NO_SPACE`, `LOG_FULL`,
 *   `RETENTION_FULL`, `SYNC_FAILED`, `OWNERSHIP_LOST` or `IO_ERROR`; every read with `LOG_CORRUPT` or `IO_ERROR`.
 *
 * Adapters extend this class; `scan` and `readLogEntries` follow from their paged forms, and, unless there is a
 * cheaper way, `put` and `delete` from `batch` and `exists` from `get`.
 *
 * @publicApi
 */
export abstract class PartitionStore {
  /** Name of the topic it belongs to. */
  abstract readonly topic: string;
  /** Number of the partition it keeps, from 0. */
  abstract readonly partition: number;

  /** Stores a value under a key, over any older one. */
  put(key: BytesLike, value: BytesLike, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'put', key, value }], options);
  }

  /** The newest value of a key, or undefined. */
  abstract get(key: BytesLike, options?: ReadOptions): Promise<Buffer | undefined>;

  /** Removes a key; resolves all the same where there is none. */
  delete(key: BytesLike): Promise<void> {
    return this.batch([{ type: 'delete', key }]);
  }

  /** Is there a value under this key? */
  async exists(key: BytesLike, options?: ReadOptions): Promise<boolean> {
    return (await this.get(key, options)) !== undefined;
  }

  /** Applies all operations in order, or none of them. An empty batch resolves and writes nothing. */
  abstract batch(operations: readonly BatchOperation[], options?: WriteOptions): Promise<void>;

  /**
   * Live entries in key order, in pages of a size that suits the adapter (never empty). The scan shows the store as
   * of its first page at the earliest; entries written meanwhile may or may not appear, each key at most once.
   * Ending the iteration early frees what it holds. The conditions are read, and refused, when the
   * iteration begins.
   */
  abstract scanPages(options?: ScanOptions): AsyncIterable<StoreEntry[]>;

  /** What was written and is still stored, in the order of the writes, in pages (never empty). */
  abstract readLogPages(options?: ReadLogOptions): AsyncIterable<LogEntry[]>;

  /** The store as it is now: sizes, losses, and the adapter's own facts. */
  abstract info(): Promise<StoreInfo>;

  /** Tidies up: reclaims space where the adapter can. Never changes what a reader sees. */
  abstract optimize(): Promise<void>;

  /**
   * Resolves when everything written before the call is on stable storage; at once where the adapter has none.
   * @throws `SYNC_FAILED`
   */
  abstract sync(): Promise<void>;

  /** Removes everything. Resolves when that is as durable as a write. */
  abstract truncate(): Promise<void>;

  /** Waits for the writes under way, then releases the store. Idempotent. */
  abstract close(): Promise<void>;

  /**
   * Tells the store the lowest key somebody still needs (null: nothing is needed). Only a store that refuses to drop
   * unread entries (`overflow: reject`) acts on it; others ignore it.
   */
  retainFrom(_key: BytesLike | null): void {}

  /**
   * Tells the store that nobody will ever read the keys below this one again. A store that frees space by deleting
   * does so ({@link deleteBefore}); a log that would have to write for it leaves them to its own retention, so they
   * may go on being seen.
   */
  async discardBefore(_key: BytesLike): Promise<void> {}

  /** Deletes every key below this one, in batches. For stores whose deletions free space. */
  protected async deleteBefore(key: BytesLike): Promise<void> {
    for await (const page of this.scanPages({ lt: key })) {
      await this.batch(page.map((entry) => ({ type: 'delete', key: entry.key })));
    }
  }

  /** Live entries in key order, one by one. See {@link scanPages}. */
  scan(options?: ScanOptions): AsyncIterable<StoreEntry> {
    return flattenPages(this.scanPages(options));
  }

  /** Log entries one by one. See {@link readLogPages}. */
  readLogEntries(options?: ReadLogOptions): AsyncIterable<LogEntry> {
    return flattenPages(this.readLogPages(options));
  }
}
