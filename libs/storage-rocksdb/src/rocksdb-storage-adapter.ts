import {
  assertPartition,
  assertTopicName,
  LockedError,
  type OpenStoreOptions,
  type PartitionStore,
  StorageAdapter,
  type StorageSupports,
  StoreClosedError,
  type StoreId,
} from '@genrocks/storage';
import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import { Database } from './database/database.js';
import { checkSettings, type ResolvedOptions, resolveOptions, RocksDbOptions } from './rocksdb-options.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, RocksDbPartitionStore } from './rocksdb-partition-store.js';
import { ROCKSDB_OPTIONS } from './rocksdb.module-definition.js';

/**
 * Stores in one RocksDB database: the newest value of every key, for as long as it is not deleted. Nothing is dropped
 * by itself. Writes of all stores share group commits.
 *
 * @publicApi
 */
@Injectable()
export class RocksDbStorageAdapter extends StorageAdapter implements OnModuleInit {
  readonly name = 'rocksdb';

  readonly supports: StorageSupports = {
    durable: true,
    persistent: true,
    log: 'latest',
    bounded: false,
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
  };

  private readonly options: ResolvedOptions;
  private readonly held = new Map<string, PartitionStore | 'busy'>();
  private readonly underWay = new Set<Promise<unknown>>();
  private opening: Promise<Database> | undefined;
  private closing: Promise<void> | undefined;

  /** @throws `INVALID_CONFIG` */
  constructor(@Optional() @Inject(ROCKSDB_OPTIONS) options: RocksDbOptions = {}) {
    super();
    this.options = resolveOptions(options);
  }

  /** Opens the database with the application, so that one that is locked or damaged stops the start. */
  async onModuleInit(): Promise<void> {
    await this.database();
  }

  async open(topic: string, partition: number, options: OpenStoreOptions = {}): Promise<PartitionStore> {
    const id = this.checkId(topic, partition);
    const settings = checkSettings(options.settings);
    return this.holding(id, async (database, key) => {
      const state = await database.store(id);
      this.assertOpen();
      state.sync = settings.sync ?? this.options.sync;
      state.onEvent = options.onEvent;
      const store = new RocksDbPartitionStore(database, state, () => this.held.delete(key));
      this.held.set(key, store);
      return store;
    });
  }

  async list(): Promise<StoreId[]> {
    this.assertOpen();
    return (await this.database()).list().map((id) => ({ ...id }));
  }

  async destroy(topic: string, partition: number): Promise<void> {
    const id = this.checkId(topic, partition);
    await this.holding(id, async (database) => {
      const state = database.find(id);
      if (state !== undefined) await database.destroy(state);
    });
  }

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    checkSettings(settings);
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async release(): Promise<void> {
    await Promise.allSettled(this.underWay);
    for (const store of [...this.held.values()]) if (store !== 'busy') await store.close();
    const database = await this.opening?.catch(() => undefined);
    await database?.close();
  }

  /** Runs one action on a store at a time; it stays held where the action has opened it. */
  private async holding<T>(id: StoreId, action: (database: Database, key: string) => Promise<T>): Promise<T> {
    const key = `${id.topic}/${id.partition}`;
    if (this.held.has(key)) throw new LockedError(`store ${key}`, process.pid);
    this.held.set(key, 'busy');
    const running = this.database().then((database) => action(database, key));
    this.underWay.add(running);
    try {
      return await running;
    } finally {
      this.underWay.delete(running);
      if (this.held.get(key) === 'busy') this.held.delete(key);
    }
  }

  /** The database, opened on first use; a failure is not kept, so that the next call tries again. */
  private database(): Promise<Database> {
    this.opening ??= Database.open(this.options).catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  private checkId(topic: string, partition: number): StoreId {
    this.assertOpen();
    assertTopicName(topic);
    assertPartition(partition);
    return { topic, partition };
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new StoreClosedError('the rocksdb storage adapter');
  }
}
