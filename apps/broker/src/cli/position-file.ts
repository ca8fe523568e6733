import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pathReason } from '../path-reasons.js';
import { PositionMismatchError } from './position-errors.js';
import { writing } from './write-errors.js';

/**
 * A small JSON file that says how far a command has come, so that it goes on there after a kill. It is replaced in one
 * step, and what it says is on stable storage before that.
 */
export class PositionFile<T extends { version: 1 }> {
  constructor(readonly path: string) {}

  /** @throws `POSITION_MISMATCH` for what is no position file */
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
      // Told below.
    }
    throw new PositionMismatchError(this.path, 'it is no position file of this version');
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

/** A new name is safe from power loss once its directory is synced; some platforms cannot open one. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  if (directory === undefined) return;
  try {
    await directory.sync();
  } catch {
    // Not every file system takes it.
  } finally {
    await directory.close();
  }
}
