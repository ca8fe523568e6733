/**
 * Numbers as stored in log files and indexes. Without the bounds checks of the Buffer methods, for positions known to
 * lie in the buffer: these calls are a good part of the work.
 */
export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes a number, and returns the position after it. */
export function putUint16(bytes: Uint8Array, at: number, number: number): number {
  bytes[at] = number >>> 8;
  bytes[at + 1] = number;
  return at + 2;
}

export function putUint32(bytes: Uint8Array, at: number, number: number): number {
  bytes[at] = number >>> 24;
  bytes[at + 1] = number >>> 16;
  bytes[at + 2] = number >>> 8;
  bytes[at + 3] = number;
  return at + 4;
}

/** Writes an integer below 2^(8 * width), in up to 8 bytes. */
export function putNumber(bytes: Uint8Array, at: number, number: number, width: number): number {
  let high = at;
  if (width > 4) high = putNumber(bytes, at, Math.floor(number / 0x1_0000_0000), width - 4);
  for (let shift = (at + width - high - 1) * 8, i = high; shift >= 0; shift -= 8)
    bytes[i++] = number >>> shift;
  return at + width;
}
