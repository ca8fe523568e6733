import type { SourceRecord } from './record-reader.js';

/** How much of an input is stored. */
export interface Progressed {
  /** Records and bytes from the beginning of the input that are all stored. */
  readonly records: number;
  readonly bytes: number;
  /** Records stored beyond that, if a batch was stored in some partitions but not in others. Absent for none. */
  readonly ahead?: Ahead | undefined;
}

/** Records that are stored although an earlier one is not. */
export interface Ahead {
  /** Their numbers. */
  readonly records: readonly number[];
  /** End of the last of them, in bytes. */
  readonly bytes: number;
}

/** Tracks which records are stored. */
export class PublishProgress {
  private records: number;
  private bytes: number;
  private readonly ahead: Set<number>;
  private aheadBytes: number;

  constructor({ records, bytes, ahead }: Progressed) {
    this.records = records;
    this.bytes = bytes;
    this.ahead = new Set(ahead?.records);
    this.aheadBytes = ahead?.bytes ?? bytes;
  }

  /** Whether an earlier run stored this record, although it did not store one before it. */
  isAhead(number: number): boolean {
    return this.ahead.has(number);
  }

  now(): Progressed {
    const { records, bytes, ahead, aheadBytes } = this;
    if (ahead.size === 0) return { records, bytes };
    return { records, bytes, ahead: { records: [...ahead], bytes: aheadBytes } };
  }

  storedTo({ number, end }: SourceRecord): void {
    this.records = number;
    this.bytes = end;
    for (const one of this.ahead) if (one <= number) this.ahead.delete(one);
  }

  /**
   * @param seen consecutive records, stored or not
   * @param left the records among them that are not stored, at least one
   */
  storedInPart(seen: readonly SourceRecord[], left: readonly SourceRecord[]): void {
    const first = seen.indexOf(left[0]!);
    const missing = new Set(left);
    for (const record of seen.slice(first)) {
      if (missing.has(record)) continue;
      this.ahead.add(record.number);
      this.aheadBytes = Math.max(this.aheadBytes, record.end);
    }
    if (first > 0) this.storedTo(seen[first - 1]!);
  }
}
