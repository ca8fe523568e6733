import type { OnPlaced } from '../format/entry-layout.js';
import { SlotTable } from './slot-table.js';

/** Most keys in a table kept for later groups, and most tables kept, across all logs. */
const MOST_KEYS = 4096;
const MOST_SPARE = 8;

const spare: PlacedKeys[] = [];

/** Keys and their slots, before readers may see them; mostly those of a group in flight. */
export class PlacedKeys {
  count = 0;
  /** Entries from `count` on are left over from earlier use. */
  readonly keys: string[] = [];
  readonly slots = new SlotTable();

  /** An empty table, to be given back with {@link release}. */
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
