import type { StoreEvent, StoreId } from '@genrocks/storage';
import type { SyncMode } from '../rocksdb-options.js';
import { catalogueKey, type CatalogueRecord, type StoreCounters, StoreKeys } from './layout.js';

/** State of a store in this process: its catalogue record, and how it was opened. */
export class StoreState {
  readonly keys: StoreKeys;
  readonly catalogueKey: Buffer;
  readonly numberInCatalogue: number;
  /** As of the last commit that succeeded. */
  counters: StoreCounters;
  /**
   * No stored key is above this one; undefined while that is unknown. Keys of a topic only grow, so most writes need not
   * look up an older value.
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
