/**
 * Bytes as the table keeps them. Small ones are strings of one character a byte: a small Buffer would be cut from a
 * shared 8 KiB slab and keep all of it alive after its neighbours are gone.
 */
export type StoredBytes = string | Buffer;

/** Where Node stops cutting Buffers from the shared slab. */
const SMALL = Buffer.poolSize >>> 1;

/** A copy that nobody else can change. */
export function store(bytes: Buffer): StoredBytes {
  return bytes.length < SMALL ? bytes.toString('latin1') : Buffer.from(bytes);
}

/** A copy for a reader, who may change it. */
export function read(stored: StoredBytes): Buffer {
  return typeof stored === 'string' ? Buffer.from(stored, 'latin1') : Buffer.from(stored);
}
