import { SortedKeyMap } from '@genrocks/storage';
import type { KeyProbe } from './key-probe.js';

/** Where the newest entry of a key stands in a log file. */
export interface Slot {
  /** The item's position and whole length in its file. */
  at: number;
  readonly length: number;
  /** Which entry of the item it is; a batch has several. */
  readonly index: number;
  readonly deleted: boolean;
  /** Of an entry in a batch: where its own bytes are in the item, and their checksum. 0: the item is read whole. */
  readonly inner: number;
  readonly innerLength: number;
  readonly crc: number;
}

export interface KeyBounds {
  readonly lowest: string;
  readonly highest: string;
}

/** The keys of one log file, each with its newest entry there. */
export interface FileKeys {
  readonly size: number;
  /** Every entry of the file is live and in key order, as a log mostly is: reading the file is scanning it. */
  readonly ascending: boolean;
  /** The lowest and the highest key; undefined where there is none. */
  readonly bounds: KeyBounds | undefined;
  get(probe: KeyProbe): Slot | undefined;
  /** Up to `max` keys with `lower <= key < upper`, ascending or descending. */
  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, Slot][];
  /** Keeps the keys readable although the name of their file goes away. */
  pin(): void;
  close(): Promise<void>;
}

/** All keys of a file in memory, ordered. */
export class MemoryKeys implements FileKeys {
  private readonly map = new SortedKeyMap<Slot>();
  private last: string | undefined;
  ascending = true;

  get size(): number {
    return this.map.size;
  }

  get({ key }: Pick<KeyProbe, 'key'>): Slot | undefined {
    return this.map.get(key);
  }

  get bounds(): KeyBounds | undefined {
    if (this.size === 0) return undefined;
    return {
      lowest: this.page('', undefined, false, 1)[0]![0],
      highest: this.page('', undefined, true, 1)[0]![0],
    };
  }

  set(key: string, slot: Slot): Slot | undefined {
    if (slot.deleted || (this.last !== undefined && key <= this.last)) this.ascending = false;
    this.last = key;
    return this.map.set(key, slot);
  }

  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, Slot][] {
    return this.map.page(lower, upper, reverse, max);
  }

  pin(): void {}

  async close(): Promise<void> {}

  entries(): IterableIterator<[string, Slot]> {
    return this.map.entries();
  }
}
