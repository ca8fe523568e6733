import type { PartitionStore, StoreEvent } from './partition-store.js';

/** What an adapter can and cannot do; the conformance suite and the topics above adapt to it. */
export interface StorageSupports {
  /** A resolved write survives a crash of the process (and, with the right settings, of the machine). */
  readonly durable: boolean;
  /** What was stored is there again after `close` and a new `open` on a new adapter with the same settings. */
  readonly persistent: boolean;
  /**
   * `history`: `readLogEntries` tells every write still stored, overwritten values and tombstones included.
   * `latest`: it tells the newest write of every live key only, in the order of the writes.
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
   * `policy` (default): the adapter's limits apply, the oldest entries may go.
   * `all`: nothing may ever be dropped but by `delete` and `truncate`; for state that must not wrap away.
   */
  retain?: 'policy' | 'all';
  /**
   * Settings of this store alone, over the adapter's own; the adapter checks them and refuses unknown ones with
   * `INVALID_CONFIG`. The names are those of the adapter's module options.
   */
  settings?: Readonly<Record<string, unknown>>;
  /** Called with what happens inside the store: evictions, recovery, damage, writes, a failure. Must not throw. */
  onEvent?: (event: StoreEvent) => void;
}

/**
 * Opens, lists and destroys the stores of (topic, partition) pairs. An abstract class, so that it is its own
 * injection token: a module that provides storage provides `StorageAdapter`.
 *
 * Opening may take an ownership lease (a lock file, a row, a stream's consumer): a store that is open cannot be
 * opened again anywhere until it is closed.
 *
 * @publicApi
 */
export abstract class StorageAdapter {
  /** Short stable name used in configuration, such as `ets` or `disk_log`. */
  abstract readonly name: string;

  /** What its stores promise, and what they cannot do: durability, limits. */
  abstract readonly supports: StorageSupports;

  /**
   * Opens a store, creating it where it does not exist.
   * @throws `INVALID_TOPIC_NAME`, `INVALID_ARGUMENT`, `INVALID_CONFIG`, `LOCKED`, `NEED_REPAIR`, `LOG_CORRUPT`,
   *   `NO_SPACE`, `IO_ERROR`, `STORE_CLOSED` after {@link close}
   */
  abstract open(topic: string, partition: number, options?: OpenStoreOptions): Promise<PartitionStore>;

  /** Every store that exists here, open or not, in no particular order. */
  abstract list(): Promise<StoreId[]>;

  /**
   * Removes a store and all it holds; nothing happens where there is none.
   * @throws `LOCKED` while it is open
   */
  abstract destroy(topic: string, partition: number): Promise<void>;

  /** Checks settings for {@link OpenStoreOptions.settings} without opening anything. Throws `INVALID_CONFIG`. */
  abstract validateSettings(settings: Readonly<Record<string, unknown>>): void;

  /** Closes every open store; later calls fail with `STORE_CLOSED`. Idempotent. */
  abstract close(): Promise<void>;

  /** Closes the adapter. Nest calls it last, after consumers and listeners have stopped. */
  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}
