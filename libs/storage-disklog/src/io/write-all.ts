import type { FileHandle } from './file-system.js';

/**
 * Writes all bytes at a position of a file, however few the system takes at a time.
 * @throws the system's error; ENOSPC if no more bytes are taken, which is how some file systems report a full device
 */
export async function writeAll(
  file: Pick<FileHandle, 'write'>,
  bytes: Buffer,
  position: number,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += taken(await file.write(bytes, at, bytes.length - at, position + at));
  }
}

/** The number of bytes a write has taken, at least one. */
export function taken(count: number): number {
  if (count === 0) throw Object.assign(new Error('write took no bytes'), { code: 'ENOSPC' });
  return count;
}
