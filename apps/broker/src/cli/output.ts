import { once } from 'node:events';
import { isGenRocksError } from '@genrocks/storage';
import { EXIT } from './exit-codes.js';
import { explainOpenFiles } from './open-files.js';
import { TooManyFilesError } from './too-many-files.error.js';
import { toCodedError, WriteFailedError } from './write-errors.js';
import type { Terminal } from './terminal.js';

/** Characters gathered before they are written. */
const CHUNK = 64 << 10;

/**
 * Writes to standard output in large chunks. Waits for a slow reader, and exits silently when the reader goes away
 * (`| head`). If a write fails (a full disk) the process exits at once, so that it does no work whose output is lost.
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

  /** Returns a promise only if the caller must wait for the reader. */
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

/** Where a command writes, by default to the streams of this process, and how it reports an error. */
export interface RunOptions {
  readonly terminal?: Terminal;
  /** Reports an error as one JSON object on standard error: `{"error": {"code", "message", "retriable", "details"}}`. */
  readonly json?: boolean;
}

/** Runs a command: reports a failure in one line, and sets the exit code. */
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

/** An error as one line of text, or as JSON. */
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

/** Writes a line for people to standard error. */
export function warn(text: string): void {
  process.stderr.write(`genrocks: ${text}\n`);
}

/** Aligns columns under a line with their names; columns of numbers are right-aligned. */
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

/** A client's timestamp in milliseconds, as ISO 8601; as a number if no `Date` can represent it. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** The beginning of a text, on one line, whatever its length and content. */
export function excerpt(text: string, characters: number): string {
  const shown = printable(text.slice(0, characters + 1));
  return shown.length > characters ? `${shown.slice(0, characters)}...` : shown;
}

/** Escapes control and format characters, so that no text can move the cursor or hide anything. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
