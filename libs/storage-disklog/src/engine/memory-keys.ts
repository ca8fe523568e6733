import { SortedKeyMap } from '@genrocks/storage';
import type { KeyProbe } from './key-probe.js';

/** Where the newest entry of a key stands in a log file. */
export interface Slot {
  /** The item's position and whole length in its file. */
  readonly at: number;
  readonly length: number;
  /** Which entry of the item it is; a batch has several. */
  readonly index: number;
  readonly deleted: boolean;
}

/** The keys of one log file, each with its newest entry there. */
export interface FileKeys {
  readonly size: number;
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

  get size(): number {
    return this.map.size;
  }

  get({ key }: Pick<KeyProbe, 'key'>): Slot | undefined {
    return this.map.get(key);
  }

  set(key: string, slot: Slot): Slot | undefined {
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
