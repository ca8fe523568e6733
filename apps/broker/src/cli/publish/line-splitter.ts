import { GenRocksError } from '@genrocks/storage';

/** A line without its terminator, and the number of input bytes up to the end of the line. */
export interface InputLine {
  readonly text: string;
  readonly end: number;
}

/** Longest line in bytes. */
const MAX_LINE_BYTES = 16 << 20;

const NEWLINE = 0x0a;

/**
 * Splits bytes into lines, one chunk at a time. Holds one chunk and one unfinished line. Skips empty lines and a byte
 * order mark.
 * @throws `INVALID_RECORD` for a line that is too long or not UTF-8
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>, start = 0): AsyncGenerator<InputLine[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let end = start;
  for await (const chunk of chunks) {
    const lines: InputLine[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1; to = chunk.indexOf(NEWLINE, from)) {
      const line =
        rest.length === 0 ? chunk.subarray(from, to) : Buffer.concat([...rest, chunk.subarray(from, to)]);
      rest = [];
      restBytes = 0;
      end += line.length + 1;
      add(lines, line, end);
      from = to + 1;
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
    }
    if (lines.length > 0) yield lines;
    if (restBytes > MAX_LINE_BYTES) throw tooLong(end);
  }
  const last: InputLine[] = [];
  add(last, Buffer.concat(rest), end + restBytes);
  if (last.length > 0) yield last;
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function add(lines: InputLine[], bytes: Buffer, end: number): void {
  if (bytes.length > MAX_LINE_BYTES) throw tooLong(end - bytes.length);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new GenRocksError('INVALID_RECORD', `the line that ends at byte ${end} is not UTF-8`);
  }
  if (text.endsWith('\r')) text = text.slice(0, -1);
  if (text !== '') lines.push({ text, end });
}

function tooLong(start: number): GenRocksError {
  return new GenRocksError(
    'INVALID_RECORD',
    `the line that begins at byte ${start} is longer than ${MAX_LINE_BYTES} bytes`,
  );
}
