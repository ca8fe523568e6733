import type { Slot } from '../format/entry-layout.js';

/** 32-bit words of a slot: position (low, high), length, index, flags, inner, innerLength, crc. */
const WORDS = 8;
const DELETED = 1;
/** Slots in a chunk. */
const CHUNK = 4096;
/** Initial slots of the first chunk: a thousand idle partitions should cost next to nothing. */
const FIRST = 32;

/**
 * Slots as numbers in typed arrays. A file has hundreds of thousands of them; as objects they would dominate garbage
 * collection.
 */
export class SlotTable {
  private readonly chunks: Uint32Array[] = [new Uint32Array(FIRST * WORDS)];
  private count = 0;

  /** Adds a slot; returns its number. */
  add(slot: Slot): number {
    const number = this.count++;
    this.set(number, slot);
    return number;
  }

  set(number: number, slot: Slot): void {
    const words = this.roomFor(number);
    const at = (number % CHUNK) * WORDS;
    words[at] = slot.at;
    words[at + 1] = slot.at / 0x1_0000_0000;
    words[at + 2] = slot.length;
    words[at + 3] = slot.index;
    words[at + 4] = slot.deleted ? DELETED : 0;
    words[at + 5] = slot.inner;
    words[at + 6] = slot.innerLength;
    words[at + 7] = slot.crc;
  }

  /** Adds a slot of another table; returns its number. */
  addFrom(other: SlotTable, from: number): number {
    const number = this.count++;
    this.setFrom(number, other, from);
    return number;
  }

  setFrom(number: number, other: SlotTable, from: number): void {
    const words = this.roomFor(number);
    const source = other.chunks[Math.floor(from / CHUNK)]!;
    const at = (number % CHUNK) * WORDS;
    const start = (from % CHUNK) * WORDS;
    for (let i = 0; i < WORDS; i++) words[at + i] = source[start + i]!;
  }

  isDeleted(number: number): boolean {
    return this.chunks[Math.floor(number / CHUNK)]![(number % CHUNK) * WORDS + 4] === DELETED;
  }

  get(number: number): Slot {
    const words = this.chunks[Math.floor(number / CHUNK)]!;
    const at = (number % CHUNK) * WORDS;
    return {
      at: words[at]! + words[at + 1]! * 0x1_0000_0000,
      length: words[at + 2]!,
      index: words[at + 3]!,
      deleted: words[at + 4] === DELETED,
      inner: words[at + 5]!,
      innerLength: words[at + 6]!,
      crc: words[at + 7]!,
    };
  }

  private roomFor(number: number): Uint32Array {
    const chunk = Math.floor(number / CHUNK);
    const words = (this.chunks[chunk] ??= new Uint32Array(CHUNK * WORDS));
    if ((number % CHUNK) * WORDS < words.length) return words;
    const larger = new Uint32Array(words.length * 2);
    larger.set(words);
    return (this.chunks[chunk] = larger);
  }
}
