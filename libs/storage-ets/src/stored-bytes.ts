/**
 * Bytes as the table keeps them. Small ones are strings with one character per byte: a small Buffer would be cut from a
 * shared 8 KiB slab and keep all of it alive after its neighbours are gone.
 */
export type StoredBytes = string | Buffer;

/** From this size on, Node does not cut Buffers from the shared slab. */
const SMALL = Buffer.poolSize >>> 1;

/** Makes a private copy. */
export function store(bytes: Buffer): StoredBytes {
  return bytes.length < SMALL ? bytes.toString('latin1') : Buffer.from(bytes);
}

/** Makes a copy for a reader, which may change it. */
export function read(stored: StoredBytes): Buffer {
  return typeof stored === 'string' ? Buffer.from(stored, 'latin1') : Buffer.from(stored);
}
