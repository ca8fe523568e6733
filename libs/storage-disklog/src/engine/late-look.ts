import { IndexedKeys } from '../index/indexed-keys.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import { quarantine } from './quarantine.js';
import { TimeSlices } from './time-slices.js';
import { lookAtFile } from './wrap-order.js';

/**
 * Checks, once the log is open, the files that were opened by their summary alone. It examines what the opening
 * examines in all other files: the first item and the footer of the index. A file that decayed unnoticed by the file
 * system is found here, read, and reported.
 */
export class LateLook {
  private isStopped = false;
  private readonly looking: Promise<void>;

  constructor(
    private readonly log: LogDirectory,
    files: readonly LogFile[],
  ) {
    this.looking = this.lookAt(files);
  }

  /** Resolves when no file of the log is being examined any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.looking;
  }

  private async lookAt(files: readonly LogFile[]): Promise<void> {
    const slices = new TimeSlices();
    for (const file of files) {
      if (slices.isOver) await slices.pause();
      if (this.isStopped) return;
      if (file.isReleased) continue;
      // A file that cannot be examined now is left to the reader that needs it.
      await this.settle(file).catch(() => undefined);
    }
  }

  private async settle(file: LogFile): Promise<void> {
    const { maker } = this.log;
    const isOfLog = () => this.log.files.includes(file);
    // A file dropped meanwhile has lost its name, possibly to another file.
    if ((await this.isAsKnown(file)) || this.isStopped || !isOfLog()) return;
    file.hold();
    try {
      await this.log.repair(file);
      const isDamaged = file.damage.length > 0 && isOfLog();
      await quarantine(maker.fs, maker.names, file.number, isDamaged, false);
    } finally {
      await file.release();
    }
  }

  private async isAsKnown({ number, generation, end }: LogFile): Promise<boolean> {
    const { fs, names, options } = this.log.maker;
    const index = IndexedKeys.footer(fs, names.keyIndex(number));
    const { generation: found, size } = await lookAtFile(fs, names, options.format, number);
    const isSound = found === generation && size === end;
    return isSound && index?.generation === generation && index.logEnd === end;
  }
}
