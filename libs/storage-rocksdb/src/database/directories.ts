import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Makes the names in a directory durable. Windows has no such call and needs none. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates a directory and its missing parents, durably, with mode 0700, so that no other user can reach what lies below.
 * Goes step by step, because a recursive `mkdir` does not end on file systems such as /proc.
 */
export async function createDirectory(directory: string): Promise<void> {
  const missing: string[] = [];
  for (let at = resolve(directory); !(await exists(at)); at = dirname(at)) missing.push(at);
  for (const path of missing.reverse()) {
    await mkdir(path, 0o700).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await syncDirectory(dirname(path));
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
