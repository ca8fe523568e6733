import { CorruptBatchError } from '../errors.js';

/** Size in bytes of this integer as a zigzag varint. */
export function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    size++;
  }
  return size;
}

/** Writes a zigzag varint and returns the position after it. Supports integers within +-2^52. */
export function writeVarint(buffer: Uint8Array, position: number, value: number): number {
  let rest = zigzag(value);
  while (rest >= 0x80) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    // Bit operations work on 32 bits only, but deltas of timestamps set by hand can be larger.
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
  }
  buffer[position++] = rest;
  return position;
}

function zigzag(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return (value << 1) ^ (value >> 31);
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** Reads varints within a window of a buffer, never outside it. */
export class VarintReader {
  position = 0;
  end = 0;

  constructor(readonly buffer: Buffer) {}

  /**
   * Reads a varint.
   * @throws {CorruptBatchError} at the end of the window, or if the value exceeds the safe integers
   */
  varint(): number {
    const { buffer } = this;
    let position = this.position;
    if (position >= this.end) throw new CorruptBatchError('a record ends inside a number');
    let byte = buffer[position++]!;
    if (byte < 0x80) {
      this.position = position;
      return (byte >>> 1) ^ -(byte & 1);
    }
    let value = byte & 0x7f;
    // Most record lengths take two bytes.
    if (position < this.end && (byte = buffer[position]!) < 0x80) {
      this.position = position + 1;
      value |= byte << 7;
      return (value >>> 1) ^ -(value & 1);
    }
    let scale = 0x80;
    do {
      if (position >= this.end) throw new CorruptBatchError('a record ends inside a number');
      byte = buffer[position++]!;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 70) {
        throw new CorruptBatchError('a number in a record is too large');
      }
    } while (byte >= 0x80);
    this.position = position;
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /**
   * Skips a field: its length and that many bytes. The bytes then start at {@link position} minus the length.
   * @returns the length, -1 for null
   * @throws {CorruptBatchError} if the field exceeds the window
   */
  field(): number {
    const length = this.varint();
    const behind = this.position + length;
    if (length < -1 || behind > this.end)
      throw new CorruptBatchError(`a record has a field of ${length} bytes`);
    if (length > 0) this.position = behind;
    return length;
  }
}
