const TWO_32 = 0x1_0000_0000;

/**
 * The key of a batch in the store: its base offset as eight bytes, big-endian, so that byte order is offset
 * order.
 */
export function offsetKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  const high = Math.floor(offset / TWO_32);
  key.writeUInt32BE(high, 0);
  key.writeUInt32BE(offset - high * TWO_32, 4);
  return key;
}

/** The base offset a key encodes; undefined for a key that no partition has written. */
export function offsetFromKey(key: Buffer): number | undefined {
  if (key.length !== 8) return undefined;
  const offset = key.readUInt32BE(0) * TWO_32 + key.readUInt32BE(4);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
