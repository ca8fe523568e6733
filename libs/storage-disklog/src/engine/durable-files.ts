import type { FileSystem } from '../io/file-system.js';

/** Writes a new file whole and makes its bytes durable. Its name is not, until the directory is synced. */
export async function writeFresh(fs: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const handle = await fs.open(path, { write: true, create: true });
  try {
    for (let at = 0; at < bytes.length;) {
      const count = await handle.write(bytes, at, bytes.length - at, at);
      if (count === 0) throw Object.assign(new Error(`no room for ${path}`), { code: 'ENOSPC' });
      at += count;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts a file with these bytes in the place of whatever has the name: after a crash it is the old one or the new. */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  bytes: Buffer,
  temporary: string,
  directory: string,
): Promise<void> {
  await writeFresh(fs, temporary, bytes);
  await fs.rename(temporary, path);
  await fs.syncDirectory(directory);
}
