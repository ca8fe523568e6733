import { pipeline, type Readable } from 'node:stream';
import type { MessageEncoder } from './message-encoder.js';
import { splitLines } from './line-splitter.js';
import { InvalidRecordError } from './record-errors.js';

export const FORMATS = ['jsonl', 'csv', 'lines', 'messages'] as const;
export type Format = (typeof FORMATS)[number];

/** Where to start reading: bytes and records that are done already. */
export interface ReadFrom {
  readonly bytes: number;
  readonly records: number;
  /** Column names of CSV, if an earlier run read the header. */
  readonly columns?: readonly string[] | undefined;
}

/** A message, and the position of the input after it. */
export interface SourceRecord {
  /** Number of the record, from 1, not counting empty lines. */
  readonly number: number;
  /** The message as a line of NDJSON for the HTTP API. */
  readonly line: string;
  readonly end: number;
}

/** Reads the records of an input, a few at a time, no faster than they are consumed. */
export interface RecordSource {
  readonly records: AsyncIterable<SourceRecord[]>;
  /** Column names of CSV, once the first record was read. */
  columns(): readonly string[] | undefined;
}

/** @throws `INVALID_RECORD`, or an error of the input, while reading */
export function readRecords(
  input: Readable,
  format: Format,
  encoder: MessageEncoder,
  from: ReadFrom,
): RecordSource {
  if (format === 'csv') return readCsv(input, encoder, from);
  const encode = {
    jsonl: encoder.value.bind(encoder),
    lines: encoder.text.bind(encoder),
    messages: encoder.message.bind(encoder),
  }[format];
  return { records: readLines(input, encode, from), columns: () => undefined };
}

async function* readLines(
  input: Readable,
  encode: (text: string, number: number) => string,
  { bytes, records }: ReadFrom,
): AsyncGenerator<SourceRecord[]> {
  let number = records;
  for await (const lines of splitLines(input, bytes)) {
    const page: SourceRecord[] = [];
    try {
      for (const { text, end } of lines) page.push({ number: ++number, line: encode(text, number), end });
    } catch (error) {
      // Publish the records before the invalid one.
      if (page.length > 0) yield page;
      throw error;
    }
    yield page;
  }
}

/** Rows returned at once. */
const PAGE = 256;
/** Longest record in bytes. */
const MAX_RECORD_BYTES = 16 << 20;

interface ParsedRow {
  readonly record: Record<string, string>;
  readonly info: { readonly bytes: number; readonly columns: boolean | readonly { name: string }[] };
}

function readCsv(input: Readable, encoder: MessageEncoder, from: ReadFrom): RecordSource {
  let columns = from.columns;
  async function* rows(): AsyncGenerator<SourceRecord[]> {
    // Loaded only when needed: no other command parses CSV.
    const { CsvError, parse } = await import('csv-parse');
    const parser = parse({
      columns: columns === undefined ? (names: string[]) => (columns = names) && names : [...columns],
      bom: from.bytes === 0,
      info: true,
      skip_empty_lines: true,
      max_record_size: MAX_RECORD_BYTES,
    });
    pipeline(input, parser, () => {});
    let number = from.records;
    let page: SourceRecord[] = [];
    try {
      for await (const { record, info } of parser as AsyncIterable<ParsedRow>) {
        page.push({ number: ++number, line: encoder.row(record, number), end: from.bytes + info.bytes });
        if (page.length < PAGE) continue;
        yield page;
        page = [];
      }
    } catch (error) {
      if (page.length > 0) yield page;
      throw error instanceof CsvError
        ? new InvalidRecordError(
            number + 1,
            error.message,
            'fix it, or give the format of the file with --format',
          )
        : error;
    }
    if (page.length > 0) yield page;
  }
  return { records: rows(), columns: () => columns };
}
