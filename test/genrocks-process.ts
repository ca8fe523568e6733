import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../apps/broker/bin/genrocks.js', import.meta.url));
/** Is the command there to be run? */
export const BUILT = existsSync(fileURLToPath(new URL('../apps/broker/dist/main.js', import.meta.url)));

/** A `genrocks` process and what it said. */
export class Genrocks {
  out = '';
  err = '';
  readonly exit: Promise<number | null>;
  private wake: () => void = () => {};
  private ended = false;

  private constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => this.heard((this.out += chunk.toString())));
    child.stderr!.on('data', (chunk: Buffer) => this.heard((this.err += chunk.toString())));
    this.exit = new Promise((resolve) =>
      child.on('close', (code) => {
        this.ended = true;
        this.wake();
        resolve(code);
      }),
    );
  }

  static run(args: string[], cwd: string, env: Record<string, string> = {}): Genrocks {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('GENROCKS_')),
    );
    return new Genrocks(spawn(process.execPath, [BIN, ...args], { cwd, env: { ...clean, ...env } }));
  }

  /** Waits until it says something: on standard output or, where errors go, on standard error. */
  async says(pattern: RegExp, on: 'out' | 'err' = 'out'): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[on]);
      if (match !== null) return match;
      if (this.ended) throw new Error(`ended without ${String(pattern)}: ${this.out}${this.err}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async port(): Promise<number> {
    return Number((await this.says(/listens on http:\/\/127\.0\.0\.1:(\d+)/))[1]);
  }

  private heard(_text: string): void {
    this.wake();
  }
}
