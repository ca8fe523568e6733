import { STANDS_IN } from '../topics.tokens.js';
import { MemoryAdapter, type MemoryDisk, type MemoryStore } from '../testing/memory-adapter.js';

export type MapDisk = MemoryDisk;
export type MapStore = MemoryStore;

/** The test kit's adapter under its own name, for topics that name it or no adapter. */
export class MapAdapter extends MemoryAdapter {
  override readonly name: string = 'map';
  override readonly [STANDS_IN] = false;
}
