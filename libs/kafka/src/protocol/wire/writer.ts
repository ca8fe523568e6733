import { UnencodableError } from '../../errors.js';

const TWO_32 = 0x1_0000_0000;
const FIRST_BYTES = 512;
/**
 * Byte fields of at least this size are passed on without a copy. Copying a shorter one costs less than a write of its
 * own.
 */
const SHARE_FROM = 1024;

/**
 * Writes the protocol's primitives. Large byte fields are not copied: the result is a list of buffers, some of which
 * are the caller's own.
 */
export class Writer {
  private readonly done: Buffer[] = [];
  private doneBytes = 0;
  private buffer = Buffer.allocUnsafe(FIRST_BYTES);
  private start = 0;
  private position = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.doneBytes + this.position - this.start;
  }

  int8(value: number): this {
    this.room(1);
    this.position = this.buffer.writeInt8(value, this.position);
    return this;
  }

  int16(value: number): this {
    this.room(2);
    this.position = this.buffer.writeInt16BE(value, this.position);
    return this;
  }

  int32(value: number): this {
    this.room(4);
    this.position = this.buffer.writeInt32BE(value, this.position);
    return this;
  }

  /** Exact up to 2^53 in magnitude. */
  int64(value: number): this {
    this.room(8);
    const high = Math.floor(value / TWO_32);
    this.position = this.buffer.writeInt32BE(high, this.position);
    this.position = this.buffer.writeUInt32BE(value - high * TWO_32, this.position);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uuid(value: string): this {
    const bytes = Buffer.from(value.replaceAll('-', ''), 'hex');
    if (bytes.length !== 16) throw new UnencodableError(`${value} is not a UUID`);
    return this.raw(bytes);
  }

  unsignedVarint(value: number): this {
    this.room(5);
    let left = value;
    while (left >= 0x80) {
      this.buffer[this.position++] = (left % 0x80) + 0x80;
      left = Math.floor(left / 0x80);
    }
    this.buffer[this.position++] = left;
    return this;
  }

  varint(value: number): this {
    return this.unsignedVarint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  string(value: string): this {
    return this.nullableString(value);
  }

  nullableString(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = Buffer.byteLength(value);
    if (bytes > 0x7fff) throw new UnencodableError(`a string has ${bytes} bytes; the limit is 32,767`);
    return this.int16(bytes).text(value, bytes);
  }

  compactString(value: string): this {
    return this.compactNullableString(value);
  }

  compactNullableString(value: string | null): this {
    if (value === null) return this.unsignedVarint(0);
    const bytes = Buffer.byteLength(value);
    return this.unsignedVarint(bytes + 1).text(value, bytes);
  }

  bytes(value: ByteField): this {
    return this.nullableBytes(value);
  }

  nullableBytes(value: ByteField | null): this {
    if (value === null) return this.int32(-1);
    return this.int32(sizeOf(value)).all(value);
  }

  compactBytes(value: ByteField): this {
    return this.compactNullableBytes(value);
  }

  compactNullableBytes(value: ByteField | null): this {
    if (value === null) return this.unsignedVarint(0);
    return this.unsignedVarint(sizeOf(value) + 1).all(value);
  }

  /** -1 is null. */
  arrayLength(count: number): this {
    return this.int32(count);
  }

  compactArrayLength(count: number): this {
    return this.unsignedVarint(count + 1);
  }

  noTags(): this {
    return this.unsignedVarint(0);
  }

  /** Returns everything written, framed with its length. */
  frame(): Buffer[] {
    const head = Buffer.allocUnsafe(4);
    head.writeInt32BE(this.length);
    return [head, ...this.finish()];
  }

  finish(): Buffer[] {
    this.cut();
    return this.done;
  }

  private all(value: ByteField): this {
    if (!Array.isArray(value)) return this.raw(value as Buffer);
    for (const part of value as readonly Buffer[]) this.raw(part);
    return this;
  }

  private raw(bytes: Buffer): this {
    if (bytes.length >= SHARE_FROM) {
      this.cut();
      this.done.push(bytes);
      this.doneBytes += bytes.length;
      return this;
    }
    this.room(bytes.length);
    this.position += bytes.copy(this.buffer, this.position);
    return this;
  }

  private text(value: string, bytes: number): this {
    this.room(bytes);
    this.position += this.buffer.write(value, this.position, 'utf8');
    return this;
  }

  /** Completes the buffer being written. */
  private cut(): void {
    if (this.position === this.start) return;
    this.done.push(this.buffer.subarray(this.start, this.position));
    this.doneBytes += this.position - this.start;
    this.start = this.position;
  }

  private room(bytes: number): void {
    if (this.buffer.length - this.position >= bytes) return;
    this.cut();
    this.buffer = Buffer.allocUnsafe(Math.max(Math.min(this.buffer.length * 2, 64 * 1024), bytes));
    this.start = this.position = 0;
  }
}

/** Bytes in one buffer, or in several consecutive ones. */
export type ByteField = Buffer | readonly Buffer[];

function sizeOf(value: ByteField): number {
  if (!Array.isArray(value)) return (value as Buffer).length;
  let bytes = 0;
  for (const part of value as readonly Buffer[]) bytes += part.length;
  return bytes;
}
