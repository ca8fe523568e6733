import { SortedKeyMap } from '@genrocks/storage';
import type { Slot } from '../format/entry-layout.js';
import type { KeyProbe } from './key-probe.js';
import type { PlacedKeys } from './placed-keys.js';
import { SlotTable } from './slot-table.js';

export interface KeyBounds {
  readonly lowest: string;
  readonly highest: string;
}

/** Some keys of a file, ascending. */
export interface KeyPage {
  readonly count: number;
  keyAt(index: number): string;
  slotAt(index: number): Slot;
  isDeletedAt(index: number): boolean;
}

/** The keys of one log file, each with its newest entry in that file. */
export interface FileKeys {
  readonly size: number;
  /** Every entry of the file is live and in key order, as in most logs: reading the file is scanning it. */
  readonly ascending: boolean;
  /** The lowest and the highest key; undefined if there are none. */
  readonly bounds: KeyBounds | undefined;
  get(probe: KeyProbe): Slot | undefined;
  /** Up to `max` keys with `lower <= key < upper`, ascending or descending. */
  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, Slot][];
  /** All keys, ascending, for a single pass: reads about `bytes` at a time and does not cache them. */
  pages(bytes: number): AsyncGenerator<KeyPage>;
  /** Keeps the keys readable although the name of their file goes away. */
  pin(): void;
  /** Undoes {@link pin}. */
  unpin(): void;
  close(): Promise<void>;
}

/** Keys per page. */
const PAGE_KEYS = 256;

/** All keys of a file in memory, ordered. */
export class MemoryKeys implements FileKeys {
  /** Keys, and the numbers of their slots. */
  private readonly map = new SortedKeyMap<number>();
  private readonly slots = new SlotTable();
  private lowest = '';
  private highest = '';
  ascending = true;

  get size(): number {
    return this.map.size;
  }

  get({ key }: Pick<KeyProbe, 'key'>): Slot | undefined {
    if (key < this.lowest || key > this.highest) return undefined;
    const number = this.map.get(key);
    return number === undefined ? undefined : this.slots.get(number);
  }

  get bounds(): KeyBounds | undefined {
    const { lowest, highest } = this;
    return this.size === 0 ? undefined : { lowest, highest };
  }

  set(key: string, slot: Slot): void {
    const known = this.note(key, slot.deleted);
    if (known === undefined) this.map.set(key, this.slots.add(slot));
    else this.slots.set(known, slot);
  }

  setAll({ count, keys, slots }: PlacedKeys): void {
    for (let i = 0; i < count; i++) {
      const key = keys[i]!;
      const known = this.note(key, slots.isDeleted(i));
      if (known === undefined) this.map.set(key, this.slots.addFrom(slots, i));
      else this.slots.setFrom(known, slots, i);
    }
  }

  /** Updates the bounds and order for an entry; returns the number of its key's slot, if it has one. */
  private note(key: string, deleted: boolean): number | undefined {
    const isFirst = this.size === 0;
    const isHighest = isFirst || key > this.highest;
    if (deleted || !isHighest) this.ascending = false;
    if (isFirst || (!isHighest && key < this.lowest)) this.lowest = key;
    if (isHighest) this.highest = key;
    return isHighest ? undefined : this.map.get(key);
  }

  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, Slot][] {
    return this.map
      .page(lower, upper, reverse, max)
      .map(([key, number]): [string, Slot] => [key, this.slots.get(number)]);
  }

  async *pages(): AsyncGenerator<KeyPage> {
    for (let lower = ''; ;) {
      const page = this.page(lower, undefined, false, PAGE_KEYS);
      if (page.length === 0) return;
      yield {
        count: page.length,
        keyAt: (index) => page[index]![0],
        slotAt: (index) => page[index]![1],
        isDeletedAt: (index) => page[index]![1].deleted,
      };
      lower = `${page.at(-1)![0]}\0`;
    }
  }

  pin(): void {}

  unpin(): void {}

  async close(): Promise<void> {}

  /** All keys, ascending, without copying them. Nothing may be set meanwhile. */
  *runs(): IterableIterator<Omit<KeyPage, 'isDeletedAt'>> {
    for (const { keys, values } of this.map.runs()) {
      yield {
        count: keys.length,
        keyAt: (index) => keys[index]!,
        slotAt: (index) => this.slots.get(values[index]!),
      };
    }
  }
}
