import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Cleanup = () => unknown;

/** The environment of an example: temporary directories, output, checks, and cleanup. */
export class Stage {
  private readonly cleanups: Cleanup[] = [];
  private failures = 0;
  private cleaned: Promise<void> | undefined;

  /** @param short run for seconds only, on part of the data */
  constructor(readonly short: boolean) {}

  /** A new directory, removed at the end. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'genrocks-example-'));
    this.onEnd(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  /** Registers a cleanup. Cleanups run at the end, even after a failure or Ctrl-C, in reverse order. */
  onEnd(cleanup: Cleanup): void {
    this.cleanups.push(cleanup);
  }

  heading(text: string): void {
    console.log(`\n== ${text}`);
  }

  say(text: string): void {
    console.log(`   ${text}`);
  }

  /** Prints a check. The example fails at the end if one check failed. */
  check(holds: boolean, text: string): void {
    if (!holds) this.failures++;
    console.log(` ${holds ? 'ok' : 'FAILED'}  ${text}`);
  }

  get failed(): number {
    return this.failures;
  }

  end(): Promise<void> {
    return (this.cleaned ??= this.cleanUp());
  }

  private async cleanUp(): Promise<void> {
    for (const cleanup of this.cleanups.reverse()) await cleanup();
  }
}

/** An example that `npm run example -- <name>` runs. */
export interface Example {
  readonly name: string;
  readonly summary: string;
  run(stage: Stage): Promise<void>;
}
