import { existsSync, readdirSync, readlinkSync, statSync, unlinkSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import { sep } from 'node:path';
import { type FileSystem, withWindowsNames } from '../io/file-system.js';
import type { NameCalls } from '../io/windows-names.js';
import { fastFileSystem } from './recording-file-system.js';

/** The paths that this process has open, according to Linux; for a file that was moved, its present path. */
function openPaths(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

function refuse(what: string): never {
  throw Object.assign(new Error(`EPERM: ${what} (as on Windows)`), { code: 'EPERM' });
}

/**
 * Windows' rules for names, on a Linux file system: a file cannot take the name of an open one, a directory with an
 * open file in it cannot be moved, and (before Node 22) a file that is removed while it is open is gone only once it
 * is closed.
 */
export class WindowsRules implements NameCalls {
  /** Removed, but still open. */
  private readonly going = new Set<string>();
  /** Called instead of every pause. */
  onPause: () => void = () => {};

  get fileSystem(): FileSystem {
    const names = withWindowsNames(fastFileSystem, this);
    return {
      ...names,
      open: async (path, options) => (this.refuseGoing(path), names.open(path, options)),
      openSync: (path) => (this.refuseGoing(path), names.openSync(path)),
      removeTree: async (path) => (this.sweep(), names.removeTree(path)),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.sweep();
    const open = openPaths();
    if (this.going.has(from) || this.going.has(to)) refuse(`rename ${from}, which is going`);
    if (existsSync(to) && open.includes(to)) refuse(`rename over ${to}, which is open`);
    if (
      existsSync(from) &&
      statSync(from).isDirectory() &&
      open.some((path) => path.startsWith(from + sep))
    ) {
      refuse(`rename ${from}, in which a file is open`);
    }
    await rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    this.sweep();
    if (openPaths().includes(path)) this.going.add(path);
    else await unlink(path);
  }

  async pause(): Promise<void> {
    this.onPause();
  }

  private refuseGoing(path: string): void {
    this.sweep();
    if (this.going.has(path)) refuse(`open ${path}, which is going`);
  }

  private sweep(): void {
    const open = openPaths();
    for (const path of this.going) {
      if (open.includes(path)) continue;
      this.going.delete(path);
      unlinkSync(path);
    }
  }
}
