import { GenRocksError, isGenRocksError } from '@genrocks/storage';
import { type RetryOptions, withRetries } from '../client/retry.js';
import { type Progressed, PublishProgress } from './publish-progress.js';
import type { RecordSource, SourceRecord } from './record-reader.js';

/** Most bytes and records in one request. */
const BATCH_BYTES = 1 << 20;
const BATCH_RECORDS = 5_000;

/** Consecutive records, those of them that are sent in one request, and those not stored yet. */
class Batch {
  readonly seen: SourceRecord[] = [];
  left: SourceRecord[] = [];
  /** How many were left at the last report. */
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
  /** Publishes lines of JSON. Resolves when they are stored. */
  readonly send: (lines: Buffer) => Promise<unknown>;
  /**
   * Called after each request.
   * @param count records that the request stored
   * @param isPart whether it stored only some of its records
   */
  readonly onStored: (progress: Progressed, count: number, isPart: boolean) => Promise<void>;
}

/**
 * Publishes the records of a source in order. While one request is in flight, the records of the next are read; no more
 * are held. A retriable failure is retried without the records that the broker reports as stored. After a request without
 * an answer nothing is known, so all of it is sent again.
 */
export class RecordPublisher {
  private sending: Promise<void> = Promise.resolve();
  private hasFailed = false;
  private readonly progress: PublishProgress;

  /** @param from how far earlier runs got */
  constructor(
    private readonly options: PublisherOptions,
    from: Progressed,
  ) {
    this.progress = new PublishProgress(from);
  }

  /** @throws an error of the source or the broker, after reporting what was stored until then */
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
    // The next await of this promise reports the error.
    this.sending.catch(() => (this.hasFailed = true));
  }

  private async store(batch: Batch): Promise<void> {
    await withRetries(() => this.send(batch), this.options);
    await this.tell(batch);
  }

  /** @throws an error of the broker; stored records are no longer in `left` */
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
        // Report at once: retrying the rest may take long, and a kill must not cause these records to be stored again.
        if (isLess) await this.tell(batch);
        // Fewer records are left each time, until the rest is stored or fails as a whole with a reason of its own.
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

/** The details of a partial failure. */
interface StoppedDetails {
  readonly line?: number;
  readonly acknowledged?: { readonly count?: number };
  /** Lines that were not stored, up to the last line that was. */
  readonly missing?: readonly number[];
}

/** The records of a request that are not stored, according to its error; all of them if the error does not say. */
function leftAfter(error: GenRocksError, sent: SourceRecord[]): SourceRecord[] {
  const { acknowledged, missing = [] } = error.details as StoppedDetails;
  const count = acknowledged?.count;
  if (count === undefined) return sent;
  const lines = new Set(missing);
  return sent.filter((_, index) => index >= count + lines.size || lines.has(index + 1));
}

/** Rewrites an error about a line of the request as one about a record of the input. */
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
