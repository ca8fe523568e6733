import { once } from 'node:events';
import { isGenRocksError } from '@genrocks/storage';
import { EXIT } from './exit-codes.js';
import { explainOpenFiles } from './open-files.js';
import { TooManyFilesError } from './too-many-files.error.js';
import { toCodedError, WriteFailedError } from './write-errors.js';
import type { Terminal } from './terminal.js';

/** Bytes gathered before they are written. */
const CHUNK = 64 << 10;

/**
 * Standard output in large writes, waiting for a reader that is slow, and ending in peace when it goes away (`| head`).
 * Where it takes no more (a full disk) the process ends at once: nothing more is done of what would have been printed.
 */
export class Output {
  private pending: string[] = [];
  private length = 0;

  constructor(private readonly stream: NodeJS.WritableStream = process.stdout) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
      const failure = new WriteFailedError('standard output', error);
      process.stderr.write(`${describeError(failure, process.argv.includes('--json'))}\n`);
      process.exit(failure.retriable ? EXIT.unavailable : EXIT.failed);
    });
  }

  /** Resolved already unless the reader is behind. */
  line(text: string): Promise<void> | undefined {
    this.pending.push(text, '\n');
    this.length += text.length + 1;
    return this.length < CHUNK ? undefined : this.flush();
  }

  async flush(): Promise<void> {
    const text = this.pending.join('');
    this.pending = [];
    this.length = 0;
    if (text !== '' && !this.stream.write(text)) await once(this.stream, 'drain');
  }
}

/** Where a command writes to, if not to this process's own streams, and how it tells an error. */
export interface RunOptions {
  readonly terminal?: Terminal;
  /** An error is one JSON object on standard error: `{"error": {"code", "message", "retriable", "details"}}`. */
  readonly json?: boolean;
}

/** Runs a command's work: what fails is told in one line, and the exit code says how it went. */
export async function run(
  work: (out: Output) => Promise<number>,
  { terminal, json = false }: RunOptions = {},
): Promise<void> {
  const out = new Output(terminal?.stdout);
  let exitCode: number;
  try {
    exitCode = await work(out);
  } catch (thrown) {
    const error = toCodedError(thrown);
    (terminal?.stderr ?? process.stderr).write(`${describeError(error, json)}\n`);
    exitCode = isGenRocksError(error) && error.retriable ? EXIT.unavailable : EXIT.failed;
  }
  await out.flush();
  if (terminal === undefined) process.exitCode = exitCode;
  else terminal.exitCode = exitCode;
}

/** In words, or as JSON. */
export function describeError(thrown: unknown, json: boolean): string {
  const openFiles = explainOpenFiles(thrown);
  const error = openFiles === undefined ? thrown : new TooManyFilesError(openFiles);
  const known = isGenRocksError(error);
  const message = error instanceof Error ? error.message : String(error);
  if (!json) return `genrocks: ${known ? `${error.code}: ` : ''}${message.replaceAll('\n', '; ')}`;
  const { code, retriable, details } = known
    ? error
    : { code: (error as NodeJS.ErrnoException).code ?? 'INTERNAL_ERROR', retriable: false, details: {} };
  return JSON.stringify({ error: { code, message, retriable, details } });
}

/** A line for people, on standard error. */
export function warn(text: string): void {
  process.stderr.write(`genrocks: ${text}\n`);
}

/** Columns side by side, the first line their names; numbers stand right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)));
  const isNumber = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  const lines = texts.map((row) =>
    row
      .map((text, column) =>
        isNumber[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  return lines.join('\n');
}

/** A time as clients set it, in milliseconds: as a number where it lies outside of what a `Date` can be. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** The begin of a text of any length and content, on one line. */
export function excerpt(text: string, characters: number): string {
  const shown = printable(text.slice(0, characters + 1));
  return shown.length > characters ? `${shown.slice(0, characters)}...` : shown;
}

/** Text that cannot move the cursor or hide anything, however it was made. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
