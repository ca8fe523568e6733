import type { StoreEvent, StoreId } from '@genrocks/storage';
import type { SyncMode } from '../rocksdb-options.js';
import { catalogueKey, type CatalogueRecord, type StoreCounters, StoreKeys } from './layout.js';

/** What the process knows of a store: its catalogue record, and how it is opened. */
export class StoreState {
  readonly keys: StoreKeys;
  readonly catalogueKey: Buffer;
  readonly numberInCatalogue: number;
  /** As of the last commit that succeeded. */
  counters: StoreCounters;
  /**
   * No key above this one is stored (undefined: it is not known). Keys of a topic only grow, so that most writes need
   * not look for an older value.
   */
  highestKey: string | undefined;
  sync: SyncMode = 'always';
  onEvent: ((event: StoreEvent) => void) | undefined;

  constructor(
    readonly id: StoreId,
    { id: number, ...counters }: CatalogueRecord,
  ) {
    this.numberInCatalogue = number;
    this.counters = counters;
    this.keys = new StoreKeys(number);
    this.catalogueKey = catalogueKey(id);
  }

  get name(): string {
    return `store ${this.id.topic}/${this.id.partition}`;
  }
}
