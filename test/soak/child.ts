import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Something a child tells of: its name, and what goes with it. */
export type Fact = readonly [name: string, ...details: unknown[]];

/** A process that tells facts, a line of JSON each, takes commands the same way, and may be killed at any time. */
export class Child {
  private readonly process: ChildProcess;
  private readonly exit: Promise<unknown>;
  private isOver = false;

  constructor(script: string, options: object, onFact: (fact: Fact) => void) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.process = spawn(process.execPath, [path, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: this.process.stdout! });
    lines.on('line', (line) => {
      const fact = parse(line);
      if (fact !== undefined) onFact(fact);
    });
    // Whoever is killed while it is written to is no surprise.
    this.process.stdin!.on('error', () => {});
    this.exit = Promise.all([once(this.process, 'exit'), once(lines, 'close')]);
    void this.exit.then(() => (this.isOver = true));
  }

  /** Rejects when the process ends; for who waits for a fact that it then never tells. */
  async failsAtEnd(): Promise<never> {
    const [[code, signal]] = (await this.exit) as [[number | null, string | null], unknown];
    throw new Error(`the process ended by itself (${signal ?? `exit code ${code}`})`);
  }

  get hasEnded(): boolean {
    return this.isOver;
  }

  command(...command: unknown[]): void {
    this.process.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** Resolves when the process is gone and all it told was heard. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }

  /** Asks it to end, and kills it if it takes longer. */
  async end(command: string, patienceMs = 20_000): Promise<void> {
    this.command(command);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), patienceMs);
    await this.exit;
    clearTimeout(timer);
  }
}

/** The last line of a process that was killed may be half of one. */
function parse(line: string): Fact | undefined {
  try {
    return JSON.parse(line) as Fact;
  } catch {
    return undefined;
  }
}
