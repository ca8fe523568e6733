import type { BatchOperation, LogEntry, PartitionStore } from '@genrocks/storage';
import { FORMATS } from '../format/formats.js';
import type { LogFormat } from '../format/log-format.js';

/** One call that changes a store. */
export type Operation =
  | { readonly type: 'write'; readonly writes: readonly Write[] }
  | { readonly type: 'truncate' }
  | { readonly type: 'optimize' };

export interface Write {
  readonly key: string;
  /** Undefined if the key is deleted. */
  readonly value: string | undefined;
}

export interface Limits {
  readonly logType: 'halt' | 'wrap' | 'compact';
  readonly format?: LogFormat['name'];
  readonly maxNoBytes: number;
  readonly maxNoFiles: number;
}

export async function perform(store: PartitionStore, operation: Operation): Promise<void> {
  if (operation.type === 'truncate') return store.truncate();
  if (operation.type === 'optimize') return store.optimize();
  const [first] = operation.writes;
  if (operation.writes.length > 1) {
    return store.batch(
      operation.writes.map(({ key, value }): BatchOperation =>
        value === undefined ? { type: 'delete', key } : { type: 'put', key, value },
      ),
    );
  }
  return first!.value === undefined ? store.delete(first!.key) : store.put(first!.key, first!.value);
}

export function writeText({ key, value }: Write): string {
  return value === undefined ? `${key}-` : `${key}=${value}`;
}

export function entryText(entry: LogEntry): string {
  return entry.type === 'delete'
    ? `${entry.key.toString()}-`
    : `${entry.key.toString()}=${entry.value.toString()}`;
}

interface ModelFile {
  number: number;
  bytes: number;
  items: Write[][];
}

/**
 * What a log contains after a sequence of operations, by the rules alone: an item that would exceed the limit goes to
 * the next file, the file with that number is overwritten, and files beyond the limit of files are dropped, oldest
 * first.
 */
export class ExpectedLog {
  /** How many entries were dropped so far. */
  first = 0;
  private files: ModelFile[] = [];

  constructor(private limits: Limits) {
    this.clear();
  }

  clone(): ExpectedLog {
    const copy = new ExpectedLog(this.limits);
    copy.first = this.first;
    copy.files = this.files.map((file) => ({ ...file, items: [...file.items] }));
    return copy;
  }

  /** Other limits, as after a reopen. */
  setLimits(limits: Limits): void {
    this.limits = limits;
  }

  /** False if a halt log is full and the write must be refused. */
  apply(operation: Operation): boolean {
    if (operation.type === 'optimize') {
      this.compact();
      return true;
    }
    if (operation.type === 'truncate') {
      this.clear();
      return true;
    }
    const size = sizeOf(operation.writes, this.format);
    const { logType, maxNoBytes } = this.limits;
    if (logType === 'halt' && this.current.bytes + size > maxNoBytes) return false;
    if (
      logType === 'wrap' &&
      this.current.bytes + size > maxNoBytes &&
      this.current.bytes > this.format.headBytes
    )
      this.rotate();
    this.current.items.push([...operation.writes]);
    this.current.bytes += size;
    return true;
  }

  /** Everything written and retained, oldest first. */
  log(): string[] {
    return this.files.flatMap((file) => file.items.flat().map(writeText));
  }

  /** The live keys in byte order, with their values. */
  live(): [string, string][] {
    return liveOf(this.files.flatMap((file) => file.items.flat()));
  }

  /** Keeps every live key's newest entry, in the order of the writes; what is left of a batch is still one item. */
  private compact(): void {
    // A compact log also compacts by itself, at any time, so only its live keys can be predicted.
    if (this.limits.logType !== 'halt') return;
    const writes = this.current.items.flat();
    const newest = new Map(writes.map((write, index) => [write.key, index]));
    let index = 0;
    const items = this.current.items
      .map((item) => item.filter(({ key, value }) => newest.get(key) === index++ && value !== undefined))
      .filter((item) => item.length > 0);
    const bytes = items.reduce((sum, item) => sum + sizeOf(item, this.format), this.format.headBytes);
    this.files = [{ number: 1, bytes, items }];
  }

  private get format(): LogFormat {
    return FORMATS[this.limits.format ?? 'internal'];
  }

  private get current(): ModelFile {
    return this.files.at(-1)!;
  }

  private rotate(): void {
    const { maxNoFiles } = this.limits;
    const number = this.current.number >= maxNoFiles ? 1 : this.current.number + 1;
    const rest = this.files.filter((file) => file.number !== number);
    const kept = rest.slice(Math.max(0, rest.length + 1 - maxNoFiles));
    for (const file of this.files) if (!kept.includes(file)) this.first += file.items.flat().length;
    this.files = kept;
    this.files.push({ number, bytes: this.format.headBytes, items: [] });
  }

  private clear(): void {
    this.first += this.files.flatMap((file) => file.items.flat()).length;
    this.files = [{ number: 1, bytes: this.format.headBytes, items: [] }];
  }
}

export function liveOf(writes: readonly Write[]): [string, string][] {
  const map = new Map<string, string>();
  for (const { key, value } of writes) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export function sizeOf(writes: readonly Write[], format: LogFormat = FORMATS.internal): number {
  return format.itemSize(
    writes.map(({ key, value }) => ({
      key: Buffer.from(key),
      value: value === undefined ? undefined : Buffer.from(value),
    })),
  );
}

/** What a store answers: its log in order, and its live keys by scan and by get. */
export interface Contents {
  readonly log: string[];
  readonly live: [string, string][];
}

export async function contentsOf(store: PartitionStore): Promise<Contents> {
  const log: string[] = [];
  const keys = new Set<string>();
  for await (const entry of store.readLogEntries()) {
    log.push(entryText(entry));
    keys.add(entry.key.toString());
  }
  const live: [string, string][] = [];
  for await (const { key, value } of store.scan()) live.push([key.toString(), value.toString()]);
  const scanned = new Map(live);
  for (const key of keys) {
    const value = (await store.get(key))?.toString();
    if (value !== scanned.get(key))
      throw new Error(`get and scan differ on ${key}: ${value} and ${scanned.get(key)}`);
    if ((await store.exists(key)) !== scanned.has(key)) throw new Error(`exists and scan differ on ${key}`);
  }
  return { log, live };
}

/**
 * Checks what a log contains after a crash: all acknowledged operations in order, with batches whole, followed by a
 * prefix of the attempted ones. Returns what is wrong, or undefined.
 *
 * @param acknowledged how many of the operations, from the first on, were acknowledged
 * @param compacted the log may have been rewritten, so only live keys are compared
 */
export function crashProblem(
  contents: Contents,
  operations: readonly Operation[],
  acknowledged: number,
  limits: Limits,
  compacted: boolean,
): string | undefined {
  const done = survivors(contents, new ExpectedLog(limits), operations, acknowledged, compacted);
  return typeof done === 'string' ? done : undefined;
}

/**
 * How many of the operations a log contains on top of what it contained before, or what is wrong; see
 * {@link crashProblem}.
 */
export function survivors(
  contents: Contents,
  before: ExpectedLog,
  operations: readonly Operation[],
  acknowledged: number,
  compacted: boolean,
): number | string {
  const model = before.clone();
  for (let done = 0; ; done++) {
    // For writes in flight, the evictions may have happened without the writes; a truncation is all or nothing.
    const evicted = () => firstAfter(model, operations.slice(done)) - model.first;
    if (done >= acknowledged && matches(contents, model, evicted, compacted)) return done;
    if (done === operations.length) break;
    model.apply(operations[done]!);
  }
  const all = model.log();
  return (
    `acknowledged ${acknowledged} of ${operations.length} operations, but the log holds ` +
    `${contents.log.slice(0, 3).join(' ')} ... ${contents.log.slice(-3).join(' ')} (${contents.log.length} entries), ` +
    `live ${JSON.stringify(contents.live).slice(0, 200)}; expected, with all of them, ` +
    `${all.slice(0, 3).join(' ')} ... ${all.slice(-3).join(' ')} (${all.length} entries)`
  );
}

/** The first entry that remains when these operations are applied, up to the next truncation. */
function firstAfter(model: ExpectedLog, operations: readonly Operation[]): number {
  const later = model.clone();
  for (const operation of operations) {
    if (operation.type === 'truncate') break;
    later.apply(operation);
  }
  return later.first;
}

function matches(contents: Contents, model: ExpectedLog, evicted: () => number, compacted: boolean): boolean {
  if (compacted) return JSON.stringify(model.live()) === JSON.stringify(contents.live);
  const expected = model.log();
  const { log } = contents;
  const missing = expected.length - log.length;
  if (missing < 0 || log.some((text, i) => text !== expected[missing + i])) return false;
  if (missing > 0 && missing > evicted()) return false;
  return JSON.stringify(liveOf(log.map(parseText))) === JSON.stringify(contents.live);
}

function parseText(text: string): Write {
  const at = text.indexOf('=');
  return at < 0
    ? { key: text.slice(0, -1), value: undefined }
    : { key: text.slice(0, at), value: text.slice(at + 1) };
}
