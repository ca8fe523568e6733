import { Buffer } from 'node:buffer';
import { type Allocate, LogCorruptError, type StoreEvent } from '@genrocks/storage';
import type { Slot } from '../format/entry-layout.js';
import type { Item } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import type { PooledFile } from '../io/handle-pool.js';
import type { FileKeys } from './memory-keys.js';
import type { Gap } from './scanner.js';

const ownMemory: Allocate = (bytes) => Buffer.allocUnsafe(bytes);

/** A stretch of a log file that cannot be read, and why. */
export interface Damage extends Pick<Gap, 'start' | 'end' | 'reason' | 'sequenceBefore' | 'sequenceAfter'> {
  readonly file: string;
  /** The bytes are not there at all; what stands in their place was written later. */
  readonly missing?: true;
}

/**
 * One file of a log, open for reading. An evicted file stays readable as long as a reader holds it: its name may go
 * while the open file stays.
 */
export class LogFile {
  private holders = 1;
  /** Its first item has a trailer, so after damage nothing without a trailer may pass for an item. */
  isOurs = false;
  /** Damage found since the file was opened, by position. */
  private readonly found = new Map<number, Damage>();

  constructor(
    readonly path: string,
    /** The N of `log.N`; 0 for the one file of a halt log. */
    readonly number: number,
    readonly generation: number,
    readonly format: LogFormat,
    readonly handle: PooledFile,
    /** In memory while the file is written; read from its index on disk afterwards. */
    public keys: FileKeys,
    /** End of the committed items; readers see nothing after it. */
    public end: number,
    /** Items in the file, and entries in them: a batch is one item with several entries. */
    public items: number,
    public entries: number,
    /** Stretches whose keys are unknown, so anything older may be outdated. By position, without overlaps. */
    public damage: readonly Damage[],
    private readonly onEvent: (event: StoreEvent) => void,
  ) {}

  /** All stretches known to be damaged, including those found only by reads. */
  get allDamage(): readonly Damage[] {
    return [...this.damage, ...this.found.values()];
  }

  /** Keeps the file open until the matching {@link release}. */
  hold(): this {
    this.holders++;
    return this;
  }

  async release(): Promise<void> {
    if (--this.holders > 0) return;
    await this.handle.close();
    await this.keys.close();
  }

  /** Called before the name goes to another file or away: readers that hold the file must not reopen it by name. */
  pin(): void {
    if (this.holders === 1) return;
    this.handle.pin();
    this.keys.pin();
  }

  /** Undoes {@link pin}, if the step that was to change the name was refused. */
  unpin(): void {
    this.handle.unpin();
    this.keys.unpin();
  }

  get isReleased(): boolean {
    return this.holders === 0;
  }

  /** Reads bytes of committed items, all of them. */
  async read(at: number, length: number, allocate: Allocate = ownMemory): Promise<Buffer> {
    const target = allocate(length);
    let filled = 0;
    while (filled < length) {
      const count = await this.handle.read(target, filled, length - filled, at + filled);
      if (count === 0) throw this.rotten(at, length, 'the file is shorter than its items');
      filled += count;
    }
    return target;
  }

  /** Like {@link read}, on this thread: for short reads that most likely hit the page cache. */
  readSync(at: number, length: number, allocate: Allocate = ownMemory): Buffer {
    const target = allocate(length);
    for (let filled = 0; filled < length;) {
      const count = this.handle.readSync(target, filled, length - filled, at + filled);
      if (count === 0) throw this.rotten(at, length, 'the file is shorter than its items');
      filled += count;
    }
    return target;
  }

  /** The item a slot points at, from bytes that contain it. Throws `LOG_CORRUPT` if it fails its checks. */
  itemFrom(bytes: Buffer, offset: number, slot: Pick<Slot, 'at' | 'length'>): Item {
    const view = bytes.subarray(offset, offset + slot.length);
    const item = this.format.readItem(view, slot.at);
    if ('reason' in item) throw this.rotten(slot.at, slot.length, item.reason);
    return item;
  }

  /** Sets the damage found by reading the whole file: these stretches are lost, and the keys in them are unknown. */
  setDamage(damage: readonly Damage[]): void {
    const told = new Set(this.damage.map(({ start }) => start));
    this.damage = damage;
    for (const { file, start, end, reason } of damage) {
      if (this.found.delete(start) || told.has(start)) continue;
      this.onEvent({ type: 'damaged', file, offset: start, length: end - start, reason });
    }
  }

  /** The first stretch of damage that ends after a position. Binary search, as there may be thousands. */
  damageAfter(position: number): Damage | undefined {
    const { damage } = this;
    let low = 0;
    let high = damage.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (damage[middle]!.end > position) high = middle;
      else low = middle + 1;
    }
    return damage[low];
  }

  /** The stretch of damage that contains a position. */
  damageAt(position: number): Damage | undefined {
    const damage = this.damageAfter(position);
    return damage !== undefined && damage.missing !== true && damage.start <= position ? damage : undefined;
  }

  /**
   * Bytes that were good when the file was opened, or that its index vouched for, are not what was written. Reported
   * once. The rest of the file stays readable, because the index knows which keys were lost.
   */
  rotten(offset: number, length: number, reason: string): LogCorruptError {
    if (!this.found.has(offset)) {
      const file = this.path;
      const around = { sequenceBefore: undefined, sequenceAfter: undefined };
      this.found.set(offset, { file, start: offset, end: offset + length, reason, ...around });
      this.onEvent({ type: 'damaged', file, offset, length, reason });
    }
    return this.corrupt(offset, length, reason);
  }

  corrupt(offset: number, length: number, reason: string): LogCorruptError {
    return new LogCorruptError(this.path, `${reason} at offset ${offset}`, {
      file: this.path,
      offset,
      length,
      reason,
    });
  }
}

/** Pins all files or none: a pinned file holds two descriptors for as long as it belongs to the log. */
export function pinAll(files: readonly LogFile[]): void {
  try {
    for (const file of files) file.pin();
  } catch (error) {
    for (const file of files) file.unpin();
    throw error;
  }
}
