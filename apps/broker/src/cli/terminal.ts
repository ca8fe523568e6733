import type { Readable } from 'node:stream';
import { EXIT } from './exit-codes.js';
import { onEndSignals } from './signals.js';

/** What a command has around it. Tests give it other streams and another environment. */
export class Terminal {
  constructor(
    readonly stdin: Readable,
    readonly stdout: NodeJS.WritableStream,
    readonly stderr: NodeJS.WritableStream,
    readonly env: Readonly<Record<string, string | undefined>>,
    /** Does somebody watch standard error, so that a line of progress may be written over and over? */
    readonly isWatched: boolean,
    /** Aborts when the process is asked to end. */
    readonly signal: () => AbortSignal,
  ) {}

  exitCode: number = EXIT.ok;

  /** The one of this process. */
  static ofProcess(): Terminal {
    const { stdin, stdout, stderr, env } = process;
    return new Terminal(stdin, stdout, stderr, env, stderr.isTTY === true, signalOfProcess);
  }

  /** A line for people, on standard error. */
  note(text: string): void {
    this.stderr.write(`genrocks: ${text}\n`);
  }
}

/** The first SIGINT or SIGTERM lets the command finish what it has in hand; a second one ends the process at once. */
function signalOfProcess(): AbortSignal {
  const ending = new AbortController();
  onEndSignals(
    () => ending.abort(),
    () => process.exit(EXIT.interrupted),
  );
  return ending.signal;
}
