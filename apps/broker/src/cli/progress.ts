import type { Terminal } from './terminal.js';

/** Intervals in milliseconds: a terminal has one line that is overwritten, other outputs get a new line each time. */
const WATCHED_EVERY = 200;
const LOGGED_EVERY = 10_000;

/** Reports progress on standard error. */
export class Progress {
  private readonly began = performance.now();
  private told = this.began;
  private isShown = false;
  private records = 0;
  private bytes = 0;

  /** @param total total bytes, if known */
  constructor(
    private readonly terminal: Terminal,
    private readonly verb: string,
    private readonly isQuiet: boolean,
    private readonly total?: number,
  ) {}

  get count(): number {
    return this.records;
  }

  add(records: number, bytes: number): void {
    this.records += records;
    this.bytes += bytes;
    if (this.isQuiet) return;
    const now = performance.now();
    if (now - this.told < (this.terminal.isWatched ? WATCHED_EVERY : LOGGED_EVERY)) return;
    this.told = now;
    if (!this.terminal.isWatched) return this.terminal.note(this.describe());
    this.terminal.stderr.write(`\r\x1b[K${this.describe()}`);
    this.isShown = true;
  }

  /** Clears the progress line. */
  end(): void {
    if (this.isShown) this.terminal.stderr.write('\r\x1b[K');
    this.isShown = false;
  }

  describe(): string {
    const seconds = Math.max((performance.now() - this.began) / 1000, 0.001);
    const rate = Math.round(this.records / seconds).toLocaleString('en');
    const part =
      this.total === undefined || this.total === 0
        ? ''
        : ` (${Math.min(100, Math.floor((100 * this.bytes) / this.total))}%)`;
    const count = this.records.toLocaleString('en');
    return `${this.verb} ${count} message(s), ${(this.bytes / 1e6).toFixed(1)} MB${part}, ${rate}/s`;
  }
}
