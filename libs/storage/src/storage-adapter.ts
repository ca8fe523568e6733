import type { PartitionStore, StoreEvent } from './partition-store.js';

/** What an adapter can and cannot do. The conformance suite and the topics adapt to it. */
export interface StorageSupports {
  /** A resolved write survives a crash of the process (and, with the right settings, of the machine). */
  readonly durable: boolean;
  /** After `close`, a new adapter with the same settings finds what was stored. */
  readonly persistent: boolean;
  /**
   * `history`: `readLogEntries` returns every write still stored, overwritten values and tombstones included.
   * `latest`: it returns only the newest write of every live key, in the order of the writes.
   */
  readonly log: 'history' | 'latest';
  /** Without `retain: 'all'` the store may drop its oldest entries to stay within its limits. */
  readonly bounded: boolean;
  /** Largest key in bytes. At least 1,024. */
  readonly maxKeyBytes: number;
  /** Largest value in bytes. At least 1 MiB. */
  readonly maxValueBytes: number;
}

/** The name of a store. */
export interface StoreId {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
}

/** How to open a store. */
export interface OpenStoreOptions {
  /**
   * `policy` (default): the adapter's limits apply; it may drop the oldest entries.
   * `all`: only `delete` and `truncate` ever remove anything; for state that must not wrap away.
   */
  retain?: 'policy' | 'all';
  /**
   * Settings of this store alone, which override the adapter's. The adapter refuses unknown ones with `INVALID_CONFIG`.
   * The names are those of the adapter's module options.
   */
  settings?: Readonly<Record<string, unknown>>;
  /** Called with what happens inside the store: writes, evictions, recovery, damage, failure. Must not throw. */
  onEvent?: (event: StoreEvent) => void;
}

/**
 * Opens, lists and destroys stores, one for each partition of each topic. It is an abstract class, so it is its own
 * injection token: a module that provides storage provides `StorageAdapter`.
 *
 * An open store is owned: it cannot be opened again, here or in another process, until it is closed. How the adapter
 * ensures that (a lock file, a row, a stream's consumer) is its own affair.
 *
 * @publicApi
 */
export abstract class StorageAdapter {
  /** Short stable name used in configuration, such as `ets` or `disk_log`. */
  abstract readonly name: string;

  /** What its stores guarantee and what their limits are. */
  abstract readonly supports: StorageSupports;

  /**
   * Opens a store; creates it if it does not exist.
   * @throws `INVALID_TOPIC_NAME`, `INVALID_ARGUMENT`, `INVALID_CONFIG`, `LOCKED`, `NEED_REPAIR`, `LOG_CORRUPT`,
   *   `NO_SPACE`, `IO_ERROR`, `STORE_CLOSED` after {@link close}
   */
  abstract open(topic: string, partition: number, options?: OpenStoreOptions): Promise<PartitionStore>;

  /** Every store that exists here, open or not, in no particular order. */
  abstract list(): Promise<StoreId[]>;

  /**
   * Removes a store and all it holds. Does nothing if the store does not exist.
   * @throws `LOCKED` while it is open
   */
  abstract destroy(topic: string, partition: number): Promise<void>;

  /**
   * Checks settings for {@link OpenStoreOptions.settings} without opening anything.
   * @throws `INVALID_CONFIG` for a setting that is unknown or not allowed
   */
  abstract validateSettings(settings: Readonly<Record<string, unknown>>): void;

  /** Closes every open store; later calls fail with `STORE_CLOSED`. Idempotent. */
  abstract close(): Promise<void>;

  /** Closes the adapter. Nest calls this hook after consumers and listeners have stopped. */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}
