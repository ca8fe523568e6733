import assert from 'node:assert/strict';
import { isGenRocksError } from '../errors.js';
import type { BytesLike, LogEntry, PartitionStore, ScanOptions, StoreEntry } from '../partition-store.js';

/** Asserts that a call rejects (and does not throw before it returns a promise) with a GenRocks error. */
export async function rejectsWith(code: string, call: () => Promise<unknown>): Promise<void> {
  let outcome: Promise<unknown>;
  try {
    outcome = call();
  } catch (error) {
    assert.fail(`expected a promise that rejects with ${code}, but the call threw ${String(error)}`);
  }
  const error = await outcome.then(
    () => assert.fail(`expected ${code}, but the call resolved`),
    (reason: unknown) => reason,
  );
  assertCode(error, code);
}

export function assertCode(error: unknown, code: string): void {
  if (!isGenRocksError(error, code)) assert.fail(`expected an error with code ${code}, got ${String(error)}`);
}

/** Everything an iteration yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A value as text; undefined if there is none. */
export async function getText(store: PartitionStore, key: BytesLike): Promise<string | undefined> {
  return (await store.get(key))?.toString('utf8');
}

/** Scanned keys in hex, so that messages show binary keys. */
export async function scanKeys(store: PartitionStore, options?: ScanOptions): Promise<string[]> {
  return (await collect(store.scan(options))).map((entry) => entry.key.toString('hex'));
}

/** All entries of the store as `key=value` texts. */
export async function scanTexts(store: PartitionStore, options?: ScanOptions): Promise<string[]> {
  return (await collect(store.scan(options))).map(entryText);
}

export function entryText({ key, value }: StoreEntry): string {
  return `${key.toString('utf8')}=${value.toString('utf8')}`;
}

/** A log entry as `key=value`, or `-key` for a tombstone. */
export function logText(entry: LogEntry): string {
  return entry.type === 'put' ? entryText(entry) : `-${entry.key.toString('utf8')}`;
}

export async function logTexts(store: PartitionStore): Promise<string[]> {
  return (await collect(store.readLogEntries())).map(logText);
}

/** Keys `00000`, `00001`, ... in key order. */
export function numberedKeys(count: number, width = 5): string[] {
  return Array.from({ length: count }, (_, i) => String(i).padStart(width, '0'));
}

/** Puts `key -> value(key)` in batches of 500. */
export async function fill(
  store: PartitionStore,
  keys: readonly string[],
  value: (key: string) => BytesLike = (key) => key,
): Promise<void> {
  const batches: Promise<void>[] = [];
  for (let at = 0; at < keys.length; at += 500) {
    const chunk = keys.slice(at, at + 500);
    batches.push(store.batch(chunk.map((key) => ({ type: 'put', key, value: value(key) }))));
  }
  await Promise.all(batches);
}

/** Bytes that depend on a seed, so that values differ from each other. */
export function patternBytes(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) + seed * 7) & 0xff;
  return bytes;
}

/** A small seeded generator of random numbers (mulberry32), so that a failure can be reproduced. */
export class Random {
  constructor(private state: number) {}

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  bytes(maxLength: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(maxLength + 1) }, () => this.below(256)));
  }
}
