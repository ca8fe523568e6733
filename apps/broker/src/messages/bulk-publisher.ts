import { GenRocksError, isGenRocksError } from '@genrocks/storage';
import { PartiallyPublishedError, type PublishMessage, type PublishResult } from '@genrocks/topics';
import { parseJson } from '../http/json.js';
import { parseMessage } from './message.parser.js';
import type { NdjsonLine } from './ndjson.js';

/** What was stored in one partition. */
export interface PartitionReceipt {
  readonly partition: number;
  count: number;
  readonly first_offset: number;
  last_offset: number;
}

/** The result of publishing many messages. */
export interface Receipt {
  readonly topic: string;
  /** Messages acknowledged. */
  readonly count: number;
  /** How many of them were stored before, according to their ids. They are not in `partitions`. Absent for none. */
  readonly duplicates?: number;
  readonly partitions: readonly PartitionReceipt[];
}

/** Counts acknowledged messages. Its memory grows with the number of partitions only. */
export class ReceiptCounter {
  private count = 0;
  private duplicates = 0;
  private readonly partitions = new Map<number, PartitionReceipt>();

  add(results: readonly (PublishResult | undefined)[]): void {
    for (const result of results) {
      if (result === undefined) continue;
      this.count++;
      if (result.duplicate === true) {
        this.duplicates++;
        continue;
      }
      const { partition, offset } = result;
      const receipt = this.partitions.get(partition);
      if (receipt === undefined) {
        this.partitions.set(partition, { partition, count: 1, first_offset: offset, last_offset: offset });
      } else {
        receipt.count++;
        receipt.last_offset = Math.max(receipt.last_offset, offset);
      }
    }
  }

  receipt(topic: string): Receipt {
    const partitions = [...this.partitions.values()].toSorted((a, b) => a.partition - b.partition);
    const { count, duplicates } = this;
    return { topic, count, ...(duplicates === 0 ? {} : { duplicates }), partitions };
  }
}

/**
 * An upload that stopped in the middle: the error, the line at which it stopped, and what was stored. Nothing after that
 * line was stored or, if a batch was stored partially, nothing after that batch.
 */
export class BulkStoppedError extends GenRocksError {
  constructor(cause: unknown, line: number | undefined, acknowledged: Receipt) {
    const known = isGenRocksError(cause);
    const place = line === undefined ? 'the upload stopped' : `line ${line}`;
    const reason = known ? cause.message : 'the broker failed to store it; see its log';
    super(known ? cause.code : 'INTERNAL_ERROR', `${place}: ${reason}`, known && cause.retriable, {
      cause,
      details: {
        ...(known ? cause.details : {}),
        ...(line === undefined ? {} : { line }),
        acknowledged,
      },
    });
  }
}

/** A `{"messages": [...]}` body that was stored partially, with the positions of the messages that were not stored. */
export class PartialBatchError extends GenRocksError {
  constructor(topic: string, error: PartiallyPublishedError) {
    const counter = new ReceiptCounter();
    counter.add(error.results);
    const missing = missingOf(error);
    super(error.code, describePart(missing.length, error), error.retriable, {
      cause: error.cause,
      details: { acknowledged: counter.receipt(topic), missing },
    });
  }
}

/** Lines that were stored partially, with the numbers of the lines that were not stored. */
export class PartialLinesError extends GenRocksError {
  constructor(lines: readonly NdjsonLine[], error: PartiallyPublishedError) {
    const missing = missingOf(error).map((index) => lines[index]!.number);
    super(error.code, describePart(missing.length, error), error.retriable, {
      cause: error.cause,
      details: { missing },
    });
    this.line = missing[0];
  }

  /** The first of those lines. */
  readonly line: number | undefined;
}

function missingOf({ results }: PartiallyPublishedError): number[] {
  return results.flatMap((result, index) => (result === undefined ? [index] : []));
}

function describePart(missing: number, { results, cause }: PartiallyPublishedError): string {
  const reason = cause instanceof Error ? cause.message : "see the broker's log";
  return (
    `${missing} of ${results.length} messages were not stored: ${reason}; ` +
    'publish those listed in details.missing again'
  );
}

/** Most lines in one batch. */
const BATCH_LINES = 1000;

/**
 * Publishes lines as they arrive. A batch is stored before more of the body is read.
 * @throws {BulkStoppedError} with the code of the failure
 */
export async function publishLines(
  topic: string,
  pages: AsyncIterable<NdjsonLine[]>,
  publish: (messages: PublishMessage[]) => Promise<readonly PublishResult[]>,
): Promise<Receipt> {
  const counter = new ReceiptCounter();
  let line: number | undefined;
  const flush = async (lines: readonly NdjsonLine[], messages: PublishMessage[]) => {
    if (messages.length === 0) return;
    line = lines[0]!.number;
    try {
      counter.add(await publish(messages));
    } catch (error) {
      if (!(error instanceof PartiallyPublishedError)) throw error;
      counter.add(error.results);
      const part = new PartialLinesError(lines, error);
      line = part.line;
      throw part;
    }
    line = undefined;
  };
  try {
    for await (const page of pages) {
      for (let start = 0; start < page.length; start += BATCH_LINES) {
        const lines = page.slice(start, start + BATCH_LINES);
        const { messages, bad } = parseLines(lines);
        await flush(lines, messages);
        if (bad !== undefined) {
          line = bad.line;
          throw bad.error;
        }
      }
    }
  } catch (error) {
    throw new BulkStoppedError(error, line, counter.receipt(topic));
  }
  return counter.receipt(topic);
}

/** The messages before the first invalid line, and its problem. */
function parseLines(lines: readonly NdjsonLine[]): {
  messages: PublishMessage[];
  bad?: { line: number; error: unknown };
} {
  const messages: PublishMessage[] = [];
  for (const { number, bytes } of lines) {
    try {
      const problems: string[] = [];
      const message = parseMessage(parseJson(bytes), '', problems);
      if (message === undefined) throw new GenRocksError('INVALID_MESSAGE', problems.join('; '));
      messages.push(message);
    } catch (error) {
      return { messages, bad: { line: number, error } };
    }
  }
  return { messages };
}
