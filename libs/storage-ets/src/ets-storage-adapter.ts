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
import { checkOptions, parseSize } from '@genrocks/storage/config';
import { Inject, Injectable, Logger, type OnModuleInit, Optional } from '@nestjs/common';
import { EtsOptions, EtsStoreSettings } from './ets-options.js';
import { EtsPartitionStore, MAX_KEY_BYTES, MAX_VALUE_BYTES } from './ets-partition-store.js';
import { EtsTable } from './ets-table.js';
import { ETS_OPTIONS } from './ets.module-definition.js';
import { MemoryBudget } from './memory-budget.js';

/** A table, and the handle on it while it is open. */
interface Slot {
  readonly id: StoreId;
  readonly table: EtsTable;
  handle?: EtsPartitionStore;
}

/**
 * Stores in memory, one table a partition, with the semantics of an Erlang ETS set table that the adapter owns: a
 * store that is closed keeps its data and can be opened again, until it is destroyed or the adapter closes. Nothing
 * outlives the process, and nothing is dropped by itself.
 *
 * @publicApi
 */
@Injectable()
export class EtsStorageAdapter extends StorageAdapter implements OnModuleInit {
  readonly name = 'ets';

  readonly supports: StorageSupports = {
    durable: false,
    persistent: false,
    log: 'latest',
    bounded: false,
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
  };

  private readonly logger = new Logger(EtsStorageAdapter.name);
  private readonly options: EtsOptions;
  private readonly budget: MemoryBudget;
  private readonly slots = new Map<string, Slot>();
  private closed = false;

  /** @throws `INVALID_CONFIG` */
  constructor(@Optional() @Inject(ETS_OPTIONS) options: EtsOptions = {}) {
    super();
    this.options = checkOptions(EtsOptions, options, { where: 'storage.ets' });
    this.budget = new MemoryBudget('storage in memory', toLimit(this.options.maxBytes));
  }

  onModuleInit(): void {
    if (process.env.NODE_ENV !== 'production' || this.options.allowInProduction) return;
    this.logger.warn(
      'Topics are stored in memory (ets) and will be lost when this process ends. ' +
        'Choose a durable adapter such as disk_log, or set allowInProduction: true if losing them is fine.',
    );
  }

  async open(topic: string, partition: number, options: OpenStoreOptions = {}): Promise<PartitionStore> {
    const key = this.slotKey(topic, partition);
    const settings = checkSettings(options.settings);
    let slot = this.slots.get(key);
    if (slot?.handle !== undefined) throw new LockedError(`store ${key}`, process.pid);
    if (slot === undefined) {
      slot = { id: { topic, partition }, table: this.newTable(key) };
      this.slots.set(key, slot);
    }
    slot.table.limit(toLimit(settings.maxBytes));
    return this.newHandle(slot, options);
  }

  async list(): Promise<StoreId[]> {
    this.assertOpen();
    return [...this.slots.values()].map(({ id }) => ({ ...id }));
  }

  async destroy(topic: string, partition: number): Promise<void> {
    const key = this.slotKey(topic, partition);
    const slot = this.slots.get(key);
    if (slot === undefined) return;
    if (slot.handle !== undefined) throw new LockedError(`store ${key}`, process.pid);
    slot.table.clear();
    this.slots.delete(key);
  }

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    checkSettings(settings);
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { handle } of [...this.slots.values()]) await handle?.close();
    this.slots.clear();
  }

  private newTable(key: string): EtsTable {
    return new EtsTable(new MemoryBudget(`store ${key}`, Infinity, this.budget));
  }

  private newHandle(slot: Slot, { onEvent }: OpenStoreOptions): EtsPartitionStore {
    const release = () => (slot.handle = undefined);
    slot.handle = new EtsPartitionStore(slot.id.topic, slot.id.partition, slot.table, release, onEvent);
    return slot.handle;
  }

  private slotKey(topic: string, partition: number): string {
    this.assertOpen();
    assertTopicName(topic);
    assertPartition(partition);
    return `${topic}/${partition}`;
  }

  private assertOpen(): void {
    if (this.closed) throw new StoreClosedError('the ets storage adapter');
  }
}

function checkSettings(settings: Readonly<Record<string, unknown>> | undefined): EtsStoreSettings {
  return checkOptions(EtsStoreSettings, settings, { where: 'storage.ets' });
}

function toLimit(maxBytes: number | string | undefined): number {
  return maxBytes === undefined ? Infinity : parseSize(maxBytes);
}
