import {
  ExclusiveStorageAdapter,
  type OpenStoreOptions,
  type PartitionStore,
  type StorageSupports,
  type StoreId,
} from '@genrocks/storage';
import { Inject, Injectable, Logger, type OnModuleInit, Optional } from '@nestjs/common';
import { Database } from './database/database.js';
import { checkSettings, type ResolvedOptions, resolveOptions, RocksDbOptions } from './rocksdb-options.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES, RocksDbPartitionStore } from './rocksdb-partition-store.js';
import { ROCKSDB_OPTIONS } from './rocksdb.module-definition.js';

/**
 * Keeps stores in one RocksDB database: the newest value of every key, until the key is deleted. Nothing is dropped by
 * itself. Writes of all stores share group commits.
 *
 * @publicApi
 */
@Injectable()
export class RocksDbStorageAdapter extends ExclusiveStorageAdapter implements OnModuleInit {
  readonly name = 'rocksdb';

  /** Every store is durable and persistent; its log has the newest write of each key. */
  readonly supports: StorageSupports = {
    durable: true,
    persistent: true,
    log: 'latest',
    bounded: false,
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
  };

  private readonly logger = new Logger(RocksDbStorageAdapter.name);
  private readonly options: ResolvedOptions;
  private opening: Promise<Database> | undefined;

  /** @throws `INVALID_CONFIG` for an option that is unknown or not allowed */
  constructor(@Optional() @Inject(ROCKSDB_OPTIONS) options: RocksDbOptions = {}) {
    super();
    this.options = resolveOptions(options);
  }

  /** Opens the database when the application starts, so that a locked or damaged database stops the start. */
  async onModuleInit(): Promise<void> {
    await this.database();
  }

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    checkSettings(settings);
  }

  protected async openStore(
    id: StoreId,
    options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<PartitionStore> {
    const settings = checkSettings(options.settings);
    const database = await this.database();
    const state = await database.store(id);
    state.sync = settings.sync ?? this.options.sync;
    state.onEvent = this.guarded(options.onEvent, state.name);
    return new RocksDbPartitionStore(database, state, onClose);
  }

  protected async listStores(): Promise<StoreId[]> {
    return (await this.database()).list().map((id) => ({ ...id }));
  }

  protected async destroyStore(id: StoreId): Promise<void> {
    const database = await this.database();
    const state = database.find(id);
    if (state !== undefined) await database.destroy(state);
  }

  protected override async release(): Promise<void> {
    const database = await this.opening?.catch(() => undefined);
    await database?.close();
  }

  /** All stores share the commits, so an error of one listener must not reach them. */
  private guarded(listener: OpenStoreOptions['onEvent'], store: string): OpenStoreOptions['onEvent'] {
    if (listener === undefined) return undefined;
    return (event) => {
      try {
        listener(event);
      } catch (error) {
        this.logger.error({ message: 'a store event listener threw', store, error: String(error) });
      }
    };
  }

  /** The database, opened on first use. After a failure, the next call tries again. */
  private database(): Promise<Database> {
    this.opening ??= Database.open(this.options).catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }
}
