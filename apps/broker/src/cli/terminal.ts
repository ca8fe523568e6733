import type { Readable } from 'node:stream';
import { EXIT } from './exit-codes.js';
import { onEndSignals } from './signals.js';

/** The streams and environment of a command. Tests pass their own. */
export class Terminal {
  constructor(
    readonly stdin: Readable,
    readonly stdout: NodeJS.WritableStream,
    readonly stderr: NodeJS.WritableStream,
    readonly env: Readonly<Record<string, string | undefined>>,
    /** Whether standard error is a terminal, where a progress line can be overwritten. */
    readonly isWatched: boolean,
    /** Aborts when the process receives SIGINT or SIGTERM. */
    readonly signal: () => AbortSignal,
  ) {}

  exitCode: number = EXIT.ok;

  /** The terminal of this process. */
  static ofProcess(): Terminal {
    const { stdin, stdout, stderr, env } = process;
    return new Terminal(stdin, stdout, stderr, env, stderr.isTTY === true, signalOfProcess);
  }

  /** Writes a line for people to standard error. */
  note(text: string): void {
    this.stderr.write(`genrocks: ${text}\n`);
  }
}

/** The first SIGINT or SIGTERM lets the command finish its current step; a second one exits at once. */
function signalOfProcess(): AbortSignal {
  const ending = new AbortController();
  onEndSignals(
    () => ending.abort(),
    () => process.exit(EXIT.interrupted),
  );
  return ending.signal;
}
