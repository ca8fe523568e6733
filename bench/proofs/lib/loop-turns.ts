import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The longest turn of this process's event loop, looked at in every turn: by the clock, and by the CPU time of its
 * thread, which other processes of the machine do not lengthen. Linux tells the latter; elsewhere it is the former.
 */
export class LoopTurns {
  longestMs = 0;
  longestCpuMs = 0;
  private readonly text = Buffer.alloc(64);
  private readonly file = openFile();
  private last = performance.now();
  private lastCpu = this.cpuMs();
  private next = this.watch();

  stop(): void {
    clearImmediate(this.next);
    if (this.file !== undefined) closeSync(this.file);
  }

  private turn(): void {
    const now = performance.now();
    const cpu = this.cpuMs();
    this.longestMs = Math.max(this.longestMs, now - this.last);
    this.longestCpuMs = Math.max(this.longestCpuMs, cpu - this.lastCpu);
    this.last = now;
    this.lastCpu = cpu;
    this.next = this.watch();
  }

  /** Not a reason for the loop to turn when nothing else is. */
  private watch(): NodeJS.Immediate {
    return setImmediate(() => this.turn()).unref();
  }

  private cpuMs(): number {
    if (this.file === undefined) return performance.now();
    const length = readSync(this.file, this.text, 0, this.text.length, 0);
    return Number(this.text.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6;
  }
}

/** Of the main thread, whose id is that of the process: nanoseconds on a CPU come first. */
function openFile(): number | undefined {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  } catch {
    return undefined;
  }
}
