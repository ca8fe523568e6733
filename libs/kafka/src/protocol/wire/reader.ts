import { MalformedRequestError } from '../../errors.js';

const TWO_32 = 0x1_0000_0000;
const MAX_VARINT_BYTES = 5;
/** Most array elements of one request in total: an element of one byte becomes an object of a hundred bytes. */
const MAX_ELEMENTS = 250_000;

/**
 * Reads the protocol's primitives from one request. Every length is checked against the end of the buffer before memory
 * is allocated for it.
 *
 * Byte fields are views of the buffer, not copies.
 */
export class Reader {
  private position: number;
  private elementsLeft = MAX_ELEMENTS;

  constructor(
    private readonly buffer: Buffer,
    start = 0,
    private readonly end = buffer.length,
  ) {
    this.position = start;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  int8(): number {
    return this.buffer.readInt8(this.advance(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.advance(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.advance(4));
  }

  /** Exact up to 2^53 in magnitude. */
  int64(): number {
    const at = this.advance(8);
    return this.buffer.readInt32BE(at) * TWO_32 + this.buffer.readUInt32BE(at + 4);
  }

  boolean(): boolean {
    return this.buffer[this.advance(1)] !== 0;
  }

  /** A UUID in its usual text form. */
  uuid(): string {
    const at = this.advance(16);
    const hex = this.buffer.toString('hex', at, at + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** An unsigned 32-bit number in groups of seven bits, lowest first. */
  unsignedVarint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.buffer[this.advance(1)]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (value >= TWO_32) break;
        return value;
      }
    }
    throw new MalformedRequestError('a varint has more than 32 bits');
  }

  /** A signed number in zigzag encoding. */
  varint(): number {
    const raw = this.unsignedVarint();
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  string(): string {
    return this.required(this.nullableString(), 'string');
  }

  nullableString(): string | null {
    return this.text(this.int16());
  }

  compactString(): string {
    return this.required(this.compactNullableString(), 'string');
  }

  compactNullableString(): string | null {
    return this.text(this.unsignedVarint() - 1);
  }

  bytes(): Buffer {
    return this.required(this.nullableBytes(), 'byte field');
  }

  nullableBytes(): Buffer | null {
    return this.view(this.int32());
  }

  compactBytes(): Buffer {
    return this.required(this.compactNullableBytes(), 'byte field');
  }

  compactNullableBytes(): Buffer | null {
    return this.view(this.unsignedVarint() - 1);
  }

  /** The length of an array; -1 is null. */
  arrayLength(): number {
    return this.checkCount(this.int32());
  }

  compactArrayLength(): number {
    return this.checkCount(this.unsignedVarint() - 1);
  }

  /** Skips tagged fields, which are optional by design. */
  skipTags(): this {
    const count = this.unsignedVarint();
    for (let i = 0; i < count; i++) {
      this.unsignedVarint();
      this.advance(this.unsignedVarint());
    }
    return this;
  }

  private checkCount(count: number): number {
    if (count < -1) throw new MalformedRequestError(`an array claims to have ${count} elements`);
    this.elementsLeft -= Math.max(count, 0);
    // Every element takes at least one byte.
    if (count > this.remaining || this.elementsLeft < 0) {
      throw new MalformedRequestError(
        `an array of ${count} elements does not fit into the request, or there are more than ${MAX_ELEMENTS} in total`,
      );
    }
    return count;
  }

  private text(length: number): string | null {
    if (length === -1) return null;
    const at = this.advance(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  private view(length: number): Buffer | null {
    if (length === -1) return null;
    const at = this.advance(length);
    return this.buffer.subarray(at, at + length);
  }

  private required<T>(value: T | null, what: string): T {
    if (value === null) throw new MalformedRequestError(`a required ${what} is null`);
    return value;
  }

  private advance(bytes: number): number {
    const at = this.position;
    if (bytes < 0 || bytes > this.end - at) {
      throw new MalformedRequestError(`${bytes} bytes are missing at byte ${at} of ${this.end}`);
    }
    this.position = at + bytes;
    return at;
  }
}
