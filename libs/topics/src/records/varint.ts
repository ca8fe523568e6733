import { CorruptBatchError } from '../errors.js';

/** Bytes a zigzag varint of this whole number takes. */
export function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    size++;
  }
  return size;
}

/** Writes a zigzag varint; returns the position after it. Good for every safe integer within +-2^52. */
export function writeVarint(buffer: Uint8Array, position: number, value: number): number {
  let rest = zigzag(value);
  while (rest >= 0x80) {
    buffer[position++] = (rest & 0x7f) | 0x80;
    // Bit operations see 32 bits only; timestamp deltas of hand-set timestamps can be larger.
    rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
  }
  buffer[position++] = rest;
  return position;
}

function zigzag(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return (value << 1) ^ (value >> 31);
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** Reads varints within a window of a buffer, and never outside it. */
export class VarintReader {
  position = 0;
  end = 0;

  constructor(readonly buffer: Buffer) {}

  /** @throws {CorruptBatchError} at the end of the window, or for more bits than a number holds exactly */
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
    // Lengths of most records take two bytes.
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
   * Passes over a field: its length and as many bytes. After it, {@link position} less the length is where they began.
   * @returns the length, -1 for null
   * @throws {CorruptBatchError} where it does not fit into the window
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
