import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathReason } from '../path-reasons.js';
import { PositionMismatchError } from './position-errors.js';
import { writing } from './write-errors.js';

/**
 * A small JSON file with the position of a command, from which it resumes after a kill. It is replaced atomically, after
 * its content is on stable storage.
 */
export class PositionFile<T extends { version: 1 }> {
  constructor(readonly path: string) {}

  /** @throws `POSITION_MISMATCH` for anything but a position file */
  async read(): Promise<T | undefined> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      const refused = error as NodeJS.ErrnoException;
      if (refused.code === 'ENOENT') return undefined;
      throw new PositionMismatchError(this.path, `it cannot be read: ${pathReason(refused)}`);
    }
    try {
      const value = JSON.parse(text) as T;
      if (value.version === 1) return value;
    } catch {
      // Reported below.
    }
    throw new PositionMismatchError(this.path, 'it is not a position file of this version');
  }

  /** @throws `WRITE_FAILED` */
  write(value: T): Promise<void> {
    return writing(`the position file ${this.path}`, () => this.replace(value));
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  private async replace(value: T): Promise<void> {
    const temporary = `${this.path}.new`;
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(`${JSON.stringify(value)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.path);
    await syncDirectory(dirname(this.path));
  }
}

/** Makes a rename survive power loss. Some platforms cannot open a directory. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  if (directory === undefined) return;
  try {
    await directory.sync();
  } catch {
    // Some file systems cannot sync a directory.
  } finally {
    await directory.close();
  }
}
