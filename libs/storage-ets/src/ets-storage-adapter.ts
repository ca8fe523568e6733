import {
  ExclusiveStorageAdapter,
  type OpenStoreOptions,
  type PartitionStore,
  type StorageSupports,
  type StoreId,
} from '@genrocks/storage';
import { checkOptions, parseSize } from '@genrocks/storage/config';
import { Inject, Injectable, Logger, type OnModuleInit, Optional } from '@nestjs/common';
import { EtsOptions, EtsStoreSettings } from './ets-options.js';
import { EtsPartitionStore, MAX_KEY_BYTES, MAX_VALUE_BYTES } from './ets-partition-store.js';
import { EtsTable } from './ets-table.js';
import { ETS_OPTIONS } from './ets.module-definition.js';
import { MemoryBudget } from './memory-budget.js';

/** A table, which outlives the stores opened on it. */
interface NamedTable {
  readonly id: StoreId;
  readonly table: EtsTable;
}

/**
 * Keeps stores in memory, one table per partition, with the semantics of an Erlang ETS set table that the adapter owns. A
 * store that is closed keeps its data and can be opened again, until it is destroyed or the adapter closes. Nothing
 * outlives the process, and nothing is dropped by itself.
 *
 * @publicApi
 */
@Injectable()
export class EtsStorageAdapter extends ExclusiveStorageAdapter implements OnModuleInit {
  readonly name = 'ets';

  /** Nothing survives the process. */
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
  private readonly tables = new Map<string, NamedTable>();

  /** @throws `INVALID_CONFIG` for an option that is unknown or not allowed */
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

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    checkSettings(settings);
  }

  protected async openStore(
    id: StoreId,
    options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<PartitionStore> {
    const name = nameOf(id);
    const settings = checkSettings(options.settings);
    let named = this.tables.get(name);
    if (named === undefined) {
      named = { id, table: new EtsTable(new MemoryBudget(`store ${name}`, Infinity, this.budget)) };
      this.tables.set(name, named);
    }
    const { table } = named;
    table.limit(toLimit(settings.maxBytes));
    return new EtsPartitionStore(id.topic, id.partition, table, onClose, options.onEvent);
  }

  protected async listStores(): Promise<StoreId[]> {
    return [...this.tables.values()].map(({ id }) => ({ ...id }));
  }

  protected async destroyStore(id: StoreId): Promise<void> {
    const name = nameOf(id);
    this.tables.get(name)?.table.clear();
    this.tables.delete(name);
  }

  protected override async release(): Promise<void> {
    this.tables.clear();
  }
}

function nameOf({ topic, partition }: StoreId): string {
  return `${topic}/${partition}`;
}

function checkSettings(settings: Readonly<Record<string, unknown>> | undefined): EtsStoreSettings {
  return checkOptions(EtsStoreSettings, settings, { where: 'storage.ets' });
}

function toLimit(maxBytes: number | string | undefined): number {
  return maxBytes === undefined ? Infinity : parseSize(maxBytes);
}
