import { flattenPages } from './pages.js';

/** Bytes to write or look up; a string stands for its UTF-8. */
export type BytesLike = string | Uint8Array;

/** A live entry. The buffers belong to the reader: changing them changes nothing in the store. */
export interface StoreEntry {
  /** The key; may be empty. */
  readonly key: Buffer;
  /** The value; may be empty. */
  readonly value: Buffer;
  /**
   * True if the store has checked the value against a checksum made when it was written, so a reader need not check it
   * again. Default: false.
   */
  readonly verified?: boolean;
}

/** Returns memory of exactly this many bytes. */
export type Allocate = (bytes: number) => Buffer;

/** One operation of an atomic batch. */
export type BatchOperation =
  | { readonly type: 'put'; readonly key: BytesLike; readonly value: BytesLike }
  | { readonly type: 'delete'; readonly key: BytesLike };

/** One write, as the log tells it. `timestamp` is in ms since 1970. */
export type LogEntry =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer; readonly timestamp: number }
  | { readonly type: 'delete'; readonly key: Buffer; readonly timestamp: number };

/** Options of a read. */
export interface ReadOptions {
  /** Skip damaged parts of the store instead of failing with `LOG_CORRUPT`. Default false. */
  skipDamaged?: boolean;
}

/** Options of a write. */
export interface WriteOptions {
  /**
   * The caller promises not to change the bytes until the write has settled, so the store need not copy them first. The
   * store does not read them after that. It may copy them anyway. Default false.
   */
  lent?: boolean;
}

/** Which keys to read. All given conditions must hold; keys compare byte by byte, unsigned. */
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
   * End the scan before the values returned exceed this many bytes in all, but return at least one entry. So the store
   * does not read what the caller would throw away. A store that counts bytes as they are stored may end a little earlier.
   * Default: no limit.
   */
  maxBytes?: number;
  /**
   * Provides the memory to read entries into. A caller that reads much and knows when it is done can reuse memory this
   * way instead of leaving it to the garbage collector. Entries are valid as long as that memory is. A store may ignore
   * this. Default: each read has memory of its own.
   */
  allocate?: Allocate;
}

/** Which part of a log to read. */
export interface ReadLogOptions extends ReadOptions {
  /** At most this many entries. Default: no limit. */
  limit?: number;
}

/** The state of a store. Sizes in bytes, times in milliseconds. */
export interface StoreInfo {
  /** Name of the adapter: `disk_log`, `ets`, `rocksdb`, or that of one of your own. */
  readonly adapter: string;
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** True if a resolved write survives a power cut, as this store is configured. */
  readonly durable: boolean;
  /**
   * Entries stored, including tombstones and overwritten values if the adapter keeps them. An adapter that writes a batch
   * as one item may count it as one.
   */
  readonly items: number;
  /** Bytes used: on disk for a durable store, otherwise in memory. */
  readonly bytes: number;
  /** Entries dropped by retention since the store was opened. */
  readonly lostItems: number;
  /** Facts of this adapter (files, current file, last recovery, ...). JSON-serialisable. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What happens inside a store; see `OpenStoreOptions.onEvent`. Sizes in bytes, durations (`ms`) in milliseconds. */
export type StoreEvent =
  /** Retention dropped the oldest entries. */
  | { readonly type: 'evicted'; readonly items: number; readonly bytes: number }
  /** The key index of a file was missing or unusable, and was rebuilt from the file. */
  | { readonly type: 'indexed'; readonly file: string; readonly items: number; readonly ms: number }
  /** The store had not been closed cleanly: `items` were found whole, `badBytes` were cut as a torn tail. */
  | { readonly type: 'recovered'; readonly items: number; readonly badBytes: number; readonly ms: number }
  /** `length` stored bytes, from `offset` of the file on, failed their checks. */
  | {
      readonly type: 'damaged';
      readonly file: string;
      readonly offset: number;
      readonly length: number;
      readonly reason: string;
    }
  /** A compaction rewrote `bytesBefore` bytes as `items` entries in `bytes` bytes. */
  | {
      readonly type: 'compacted';
      readonly items: number;
      readonly bytesBefore: number;
      readonly bytes: number;
      readonly ms: number;
    }
  /** A write was stored. `ms` includes its sync if it waited for one. */
  | { readonly type: 'write'; readonly items: number; readonly bytes: number; readonly ms: number }
  /** The store takes no more writes until it is opened again. */
  | { readonly type: 'failed'; readonly error: Error };

/**
 * An ordered key-value store with a log behind it: one partition of a topic, or a store for state of your own.
 *
 * - Keys and values are bytes; an empty key and an empty value are legal. Keys are ordered byte by byte, unsigned.
 * - A write resolves when it is as durable as the adapter promises. Readers see only what has resolved. Writes of one
 *   caller take effect in the order of the calls.
 * - The store copies what it is given before the call returns, so a buffer can be reused at once, unless it is lent.
 * - After `close`, every method fails with `STORE_CLOSED`.
 * - Every write may fail with `INVALID_ARGUMENT` or `TOO_LARGE` (nothing was stored), `NO_SPACE`, `LOG_FULL`,
 *   `RETENTION_FULL`, `SYNC_FAILED`, `OWNERSHIP_LOST` or `IO_ERROR`; every read with `LOG_CORRUPT` or `IO_ERROR`.
 *
 * Adapters extend this class. It derives `scan` and `readLogEntries` from their paged forms, `put` and `delete` from
 * `batch`, and `exists` from `get`; override those that the store can do at less cost.
 *
 * @publicApi
 */
export abstract class PartitionStore {
  /** Name of the topic it belongs to. */
  abstract readonly topic: string;
  /** Number of the partition it keeps, from 0. */
  abstract readonly partition: number;

  /** Stores a value under a key and replaces any older one. */
  put(key: BytesLike, value: BytesLike, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'put', key, value }], options);
  }

  /** Reads the newest value of a key; undefined if there is none. */
  abstract get(key: BytesLike, options?: ReadOptions): Promise<Buffer | undefined>;

  /** Removes a key. Also resolves if the key does not exist. */
  delete(key: BytesLike): Promise<void> {
    return this.batch([{ type: 'delete', key }]);
  }

  /** Tells whether the key has a value. */
  async exists(key: BytesLike, options?: ReadOptions): Promise<boolean> {
    return (await this.get(key, options)) !== undefined;
  }

  /** Applies all operations in order, or none of them. An empty batch resolves and writes nothing. */
  abstract batch(operations: readonly BatchOperation[], options?: WriteOptions): Promise<void>;

  /**
   * Reads live entries in key order, in pages of a size that suits the adapter (never empty).
   *
   * The scan shows the store as it is when the first page is read, or later: entries written during the scan may or may
   * not appear, each key at most once. Ending the iteration early frees what it holds. The conditions are checked when
   * the iteration begins.
   * @throws `INVALID_ARGUMENT` for conditions that are not allowed
   */
  abstract scanPages(options?: ScanOptions): AsyncIterable<StoreEntry[]>;

  /** Reads the writes that are still stored, in the order of the writes, in pages (never empty). */
  abstract readLogPages(options?: ReadLogOptions): AsyncIterable<LogEntry[]>;

  /** Returns the current state of the store: sizes, losses, and facts of the adapter. */
  abstract info(): Promise<StoreInfo>;

  /** Reclaims space, if the adapter can. Never changes what a reader sees. */
  abstract optimize(): Promise<void>;

  /**
   * Makes everything written before the call durable. Resolves when it is on stable storage, or at once if the adapter has
   * none.
   * @throws `SYNC_FAILED` if the device refuses
   */
  abstract sync(): Promise<void>;

  /** Removes all entries. Resolves when that is as durable as a write. */
  abstract truncate(): Promise<void>;

  /** Waits for the writes in progress, then releases the store. Idempotent. */
  abstract close(): Promise<void>;

  /**
   * Tells the store the lowest key that is still needed (null: none is). Only a store that refuses to drop unread entries
   * (`overflow: reject`) acts on it; others ignore it.
   */
  retainFrom(_key: BytesLike | null): void {}

  /**
   * Tells the store that the keys below this one will never be read again. A store that frees space by deleting deletes
   * them ({@link deleteBefore}). A log, for which a deletion is one more write, leaves them to its retention, so they may
   * remain visible.
   */
  async discardBefore(_key: BytesLike): Promise<void> {}

  /** Deletes every key below this one, in batches. For stores in which a deletion frees space. */
  protected async deleteBefore(key: BytesLike): Promise<void> {
    for await (const page of this.scanPages({ lt: key })) {
      await this.batch(page.map((entry) => ({ type: 'delete', key: entry.key })));
    }
  }

  /** Reads live entries in key order, one by one. See {@link scanPages}. */
  scan(options?: ScanOptions): AsyncIterable<StoreEntry> {
    return flattenPages(this.scanPages(options));
  }

  /** Reads log entries one by one. See {@link readLogPages}. */
  readLogEntries(options?: ReadLogOptions): AsyncIterable<LogEntry> {
    return flattenPages(this.readLogPages(options));
  }
}
