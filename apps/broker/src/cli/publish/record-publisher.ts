import { GenRocksError, isGenRocksError } from '@genrocks/storage';
import { type RetryOptions, withRetries } from '../client/retry.js';
import { type Progressed, PublishProgress } from './publish-progress.js';
import type { RecordSource, SourceRecord } from './record-reader.js';

/** One request carries so many bytes and records at most. */
const BATCH_BYTES = 1 << 20;
const BATCH_RECORDS = 5_000;

/** Records that follow each other, those of them that go out in one request, and of these what is not stored yet. */
class Batch {
  readonly seen: SourceRecord[] = [];
  left: SourceRecord[] = [];
  /** So many were left when it was last told. */
  untold = 0;
  private bytes = 0;

  get isFull(): boolean {
    return this.left.length >= BATCH_RECORDS || this.bytes >= BATCH_BYTES;
  }

  add(record: SourceRecord, isStored: boolean): void {
    this.seen.push(record);
    if (isStored) return;
    this.left.push(record);
    this.untold++;
    this.bytes += record.line.length + 1;
  }

  get lines(): Buffer {
    return Buffer.from(`${this.left.map(({ line }) => line).join('\n')}\n`);
  }
}

export interface PublisherOptions extends RetryOptions {
  /** Publishes lines of JSON; resolves when they are stored. */
  readonly send: (lines: Buffer) => Promise<unknown>;
  /**
   * Told after each request.
   * @param count records that it has stored
   * @param isPart it has not stored all of them
   */
  readonly onStored: (progress: Progressed, count: number, isPart: boolean) => Promise<void>;
}

/**
 * Publishes the records of a source in their order. One request is under way while the records of the next one are
 * read; no more is held. What fails and may work later is sent again, without what the broker says it has stored. Of a
 * request without an answer that is not known, and all of it goes again.
 */
export class RecordPublisher {
  private sending: Promise<void> = Promise.resolve();
  private hasFailed = false;
  private readonly progress: PublishProgress;

  /** @param from how far earlier runs came */
  constructor(
    private readonly options: PublisherOptions,
    from: Progressed,
  ) {
    this.progress = new PublishProgress(from);
  }

  /** @throws what the source or the broker says; what is stored by then was told */
  async run(source: RecordSource): Promise<void> {
    const { signal } = this.options;
    let batch = new Batch();
    const flush = async () => {
      const full = batch;
      batch = new Batch();
      await this.hand(full);
    };
    try {
      for await (const page of source.records) {
        for (const record of page) {
          batch.add(record, this.progress.isAhead(record.number));
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
    if (batch.seen.length === 0) return;
    this.sending = this.store(batch);
    // Whoever waits for it next is told.
    this.sending.catch(() => (this.hasFailed = true));
  }

  private async store(batch: Batch): Promise<void> {
    await withRetries(() => this.send(batch), this.options);
    await this.tell(batch);
  }

  /** @throws what the broker says; what it has stored is no longer left */
  private async send(batch: Batch): Promise<void> {
    while (batch.left.length > 0) {
      const sent = batch.left;
      try {
        await this.options.send(batch.lines);
        batch.left = [];
      } catch (error) {
        if (!isGenRocksError(error)) throw error;
        batch.left = leftAfter(error, sent);
        const isLess = batch.left.length < sent.length;
        // At once: the rest may be tried for long, and a kill must not have this stored again.
        if (isLess) await this.tell(batch);
        // Every time there is less of it, until the rest fails as a whole and is told by its own reason, or is stored.
        const goesOn = error.code === 'PARTIALLY_PUBLISHED' && isLess;
        if (!goesOn || this.options.signal.aborted) throw explain(error, sent);
      }
    }
  }

  private tell(batch: Batch): Promise<void> {
    const { seen, left, untold } = batch;
    const isPart = left.length > 0;
    if (isPart) this.progress.storedInPart(seen, left);
    else this.progress.storedTo(seen.at(-1)!);
    batch.untold = left.length;
    return this.options.onStored(this.progress.now(), untold - left.length, isPart);
  }
}

/** What the broker says of lines that it has stored in part. */
interface StoppedDetails {
  readonly line?: number;
  readonly acknowledged?: { readonly count?: number };
  /** Lines that were not stored, of those up to the last that was. */
  readonly missing?: readonly number[];
}

/** What of a request is not stored, by its error; all of it where the error does not say. */
function leftAfter(error: GenRocksError, sent: SourceRecord[]): SourceRecord[] {
  const { acknowledged, missing = [] } = error.details as StoppedDetails;
  const count = acknowledged?.count;
  if (count === undefined) return sent;
  const lines = new Set(missing);
  return sent.filter((_, index) => index >= count + lines.size || lines.has(index + 1));
}

/** Names records in place of lines. */
function explain(error: GenRocksError, sent: readonly SourceRecord[]): GenRocksError {
  const { line, missing, ...details } = error.details as StoppedDetails;
  const record = line === undefined ? undefined : sent[line - 1]?.number;
  if (record === undefined) return error;
  const message = error.message.replace(/^line \d+: /, '');
  return new GenRocksError(error.code, `record ${record}: ${message}`, error.retriable, {
    cause: error,
    details: {
      ...details,
      record,
      ...(missing === undefined ? {} : { missing: missing.map((one) => sent[one - 1]?.number) }),
    },
  });
}
