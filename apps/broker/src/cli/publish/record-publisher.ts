import { GenRocksError, isGenRocksError } from '@genrocks/storage';
import { type RetryOptions, withRetries } from '../client/retry.js';
import type { RecordSource, SourceRecord } from './record-reader.js';

/** One request carries so many bytes and records at most. */
const BATCH_BYTES = 1 << 20;
const BATCH_RECORDS = 5_000;

/** Records that go out in one request. */
class Batch {
  readonly lines: string[] = [];
  readonly ends: number[] = [];
  private bytes = 0;

  /** @param first number of its first record, from 0 */
  constructor(readonly first: number) {}

  get isFull(): boolean {
    return this.lines.length >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  get next(): number {
    return this.first + this.lines.length;
  }

  add({ line, end }: SourceRecord): void {
    this.lines.push(line);
    this.ends.push(end);
    this.bytes += line.length + 1;
  }
}

export interface PublisherOptions extends RetryOptions {
  /** Publishes lines of JSON; resolves when they are stored. */
  readonly send: (lines: Buffer) => Promise<unknown>;
  /** Told after each request: all records before number `records` are stored, which end at byte `bytes`. */
  readonly onStored: (records: number, bytes: number) => Promise<void>;
}

/**
 * Publishes the records of a source in their order. One request is under way while the records of the next one are
 * read; no more is held. What fails and may work later is sent again, so that a part of it may be stored twice.
 */
export class RecordPublisher {
  private sending: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(private readonly options: PublisherOptions) {}

  /**
   * @param first records that were published before
   * @throws what the source or the broker says; everything before it is stored then, and told
   */
  async run(source: RecordSource, first: number): Promise<void> {
    const { signal } = this.options;
    let batch = new Batch(first);
    const flush = async () => {
      const full = batch;
      batch = new Batch(full.next);
      await this.hand(full);
    };
    try {
      for await (const page of source.records) {
        for (const record of page) {
          batch.add(record);
          if (batch.isFull) await flush();
        }
        if (signal.aborted) break;
      }
    } catch (error) {
      if (!this.hasFailed) await flush();
      await this.sending;
      throw error;
    }
    if (!signal.aborted) await flush();
    await this.sending;
  }

  private async hand(batch: Batch): Promise<void> {
    await this.sending;
    if (batch.lines.length === 0) return;
    this.sending = this.store(batch);
    // Whoever waits for it next is told.
    this.sending.catch(() => (this.hasFailed = true));
  }

  private async store(batch: Batch): Promise<void> {
    const { send, onStored } = this.options;
    const bytes = Buffer.from(`${batch.lines.join('\n')}\n`);
    try {
      await withRetries(() => send(bytes), this.options);
    } catch (error) {
      throw await this.explain(error, batch);
    }
    await onStored(batch.next, batch.ends.at(-1)!);
  }

  /** Says which record was refused; what the broker stored before that is done. */
  private async explain(error: unknown, batch: Batch): Promise<unknown> {
    if (!isGenRocksError(error)) return error;
    const { line, acknowledged } = error.details as { line?: number; acknowledged?: { count?: number } };
    if (line === undefined) return error;
    const before = line - 1;
    if (acknowledged?.count === before && before > 0)
      await this.options.onStored(batch.first + before, batch.ends[before - 1]!);
    const record = batch.first + line;
    const message = error.message.replace(/^line \d+: /, '');
    return new GenRocksError(error.code, `record ${record}: ${message}`, error.retriable, {
      cause: error,
      details: { ...error.details, record },
    });
  }
}
