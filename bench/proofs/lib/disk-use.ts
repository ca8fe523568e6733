import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

const INTERVAL_MS = 20;

/** Looks, from outside, at what the files of a directory take while a process works on them. */
export class DiskUse {
  readonly start: number;
  highest: number;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly directory: string,
    private readonly pid: number,
  ) {
    this.start = this.highest = this.now();
    this.timer = setInterval(() => (this.highest = Math.max(this.highest, this.now())), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  now(): number {
    const names = readdirSync(this.directory, { recursive: true, encoding: 'utf8' });
    return sum(names.map((name) => sizeOf(join(this.directory, name)))) + this.removed();
  }

  /** Files that have lost their names take room for as long as somebody has them open. Where the platform tells. */
  private removed(): number {
    const base = `/proc/${this.pid}/fd`;
    try {
      return sum(
        readdirSync(base).map((fd) => (this.isRemoved(join(base, fd)) ? sizeOf(join(base, fd)) : 0)),
      );
    } catch {
      return 0;
    }
  }

  private isRemoved(link: string): boolean {
    try {
      const target = readlinkSync(link);
      return target.startsWith(this.directory) && target.endsWith(' (deleted)');
    } catch {
      return false;
    }
  }
}

/** 0 where the file has gone, and of anything that is no file. */
function sizeOf(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true ? stats.size : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
