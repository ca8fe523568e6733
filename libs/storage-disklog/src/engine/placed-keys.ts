import type { OnPlaced } from '../format/entry-layout.js';
import { SlotTable } from './slot-table.js';

/** Keys that the tables kept for the next groups may hold each, and how many are kept, of all logs together. */
const MOST_KEYS = 4096;
const MOST_SPARE = 8;

const spare: PlacedKeys[] = [];

/** Keys with their slots, before readers may see them; those of a group on its way, mostly. */
export class PlacedKeys {
  count = 0;
  /** What lies after `count` is of earlier ones. */
  readonly keys: string[] = [];
  readonly slots = new SlotTable();

  /** An empty one, to be given back with {@link release}. */
  static take(): PlacedKeys {
    return spare.pop() ?? new PlacedKeys();
  }

  readonly add: OnPlaced = (key, slot) => {
    this.keys[this.count] = key;
    this.slots.set(this.count++, slot);
  };

  clear(): void {
    this.count = 0;
  }

  release(): void {
    this.clear();
    if (this.keys.length <= MOST_KEYS && spare.length < MOST_SPARE) spare.push(this);
  }
}
