import type { SourceRecord } from './record-reader.js';

/** How far an input is published. */
export interface Progressed {
  /** Records and bytes from the beginning of the input of which all is stored. */
  readonly records: number;
  readonly bytes: number;
  /** What is stored beyond that: where a batch was stored in some partitions and not in others. Absent for none. */
  readonly ahead?: Ahead | undefined;
}

/** Records that are stored while one before them is not. */
export interface Ahead {
  /** Their numbers. */
  readonly records: readonly number[];
  /** Where the last of them ends. */
  readonly bytes: number;
}

/** Keeps count of what is stored, to the record. */
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

  /** Was it stored by an earlier run, before one that stands before it? */
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
   * @param seen records that follow each other, and what is stored already
   * @param left those of them that are not stored, at least one
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
