import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isGenRocksError, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { FORMATS } from '../format/formats.js';
import { sealItem, TRAILER_SIZE, writeItem } from '../format/item.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import { partitionOf, type Scratch, snapshot } from './directories.js';
import { entryText, sizeOf } from './expected-log.js';
import type { FileSystem } from '../io/file-system.js';
import { fastFileSystem } from './recording-file-system.js';

/** Bytes that look like whole items of this very log, with a fitting trailer and without one. */
function impostor(): Buffer {
  const bytes = Buffer.alloc(400);
  const entries = [{ key: Buffer.from('k1'), value: Buffer.from('never written') }];
  const end = writeItem(entries, 1, { sequence: 3, generation: 1, synced: 8 }, bytes, 0, 0);
  const length = end;
  writeItem(entries, 1, { sequence: 4, generation: 1, synced: 8 }, bytes, end, 200);
  bytes.copy(bytes, 2 * length, 0, length);
  // The same item once more without its trailer, as Erlang would have written it.
  sealItem({ sequence: 5, generation: 1, synced: 8 }, bytes, 2 * length, 3 * length, 300);
  bytes.copyWithin(3 * length, 0, length - TRAILER_SIZE);
  bytes.writeUInt32BE(length - TRAILER_SIZE - 8, 3 * length);
  const lines = ['k1', 'b1'].map((key) => `{"key":"${key}","value":"never written","timestamp":1}`);
  return Buffer.concat([
    bytes.subarray(0, 4 * length - TRAILER_SIZE),
    Buffer.from(`\n${lines.join('\n')}\n`),
  ]);
}

async function fill(store: PartitionStore): Promise<void> {
  await store.put('k1', 'old');
  await store.put('nested', impostor());
  await Promise.all([store.put('k2', 'a'), store.put('k3', 'b'), store.put('k1', 'new'), store.delete('k2')]);
  await store.batch([
    { type: 'put', key: 'b1', value: 'x' },
    { type: 'delete', key: 'k3' },
    { type: 'put', key: 'b2', value: 'y' },
  ]);
  await store.put('last', 'z');
}

/** What reading a directory returned. */
export interface Outcome {
  /** The log's entries, skipping damage; undefined if the log did not open. */
  log: string[] | undefined;
  /** Values by get; `!CODE` if it failed. */
  values: Map<string, string>;
  scanFailed: boolean;
  reported: boolean;
  copies: boolean;
}

const KEYS = ['k1', 'k2', 'k3', 'b1', 'b2', 'nested', 'last', 'big'];

function codeOf(error: unknown): string {
  // An error without a code is itself a bug.
  if (!isGenRocksError(error)) throw error;
  return `!${error.code}`;
}

async function readAll(options: DiskLogOptions, logDir: string, fs: FileSystem): Promise<Outcome> {
  const events: StoreEvent[] = [];
  const values = new Map<string, string>();
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  const outcome: Outcome = { log: undefined, values, scanFailed: false, reported: false, copies: false };
  try {
    const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
    const log: string[] = [];
    for await (const entry of store.readLogEntries({ skipDamaged: true })) log.push(entryText(entry));
    outcome.log = log;
    for (const key of KEYS) {
      values.set(key, await store.get(key).then((value) => value?.toString() ?? '-', codeOf));
    }
    try {
      for await (const { key, value } of store.scan()) {
        const name = key.toString();
        const byGet = values.get(name);
        if (byGet !== value.toString())
          throw new Error(`scan: ${name} is ${value.toString()}, get: ${byGet}`);
      }
    } catch (error) {
      outcome.scanFailed = codeOf(error) === '!LOG_CORRUPT';
    }
    // Damage in a file that is trusted by its index shows only when the file is read.
    try {
      for await (const page of store.readLogPages()) void page;
    } catch (error) {
      outcome.reported = codeOf(error) === '!LOG_CORRUPT';
    }
  } catch (error) {
    values.set('open', codeOf(error));
    outcome.reported = true;
  } finally {
    await adapter.close();
  }
  outcome.reported ||= events.some(
    (event) => event.type === 'damaged' || (event.type === 'recovered' && event.badBytes > 0),
  );
  const files = Object.keys(await snapshot(partitionOf(logDir)));
  outcome.copies = files.some((name) => name.includes('.corrupt'));
  return outcome;
}

export interface Sample {
  readonly options: DiskLogOptions;
  readonly fs: FileSystem;
  readonly files: Record<string, Buffer>;
  readonly log: string[];
  readonly values: Map<string, string>;
}

/** A small log with every kind of entry, closed, or as a killed process leaves it. */
export async function makeSample(
  scratch: Scratch,
  options: DiskLogOptions,
  closed: boolean,
  big: boolean,
  fs = fastFileSystem,
): Promise<Sample> {
  const logDir = await scratch.directory();
  const copy = await scratch.directory();
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  const store = await adapter.open('t', 0);
  await fill(store);
  if (big) await store.put('big', 'B'.repeat(66_000));
  if (closed) await adapter.close();
  // Without its index, an open does not notice that a file was cut between two items.
  else await untilIndexed(partitionOf(logDir));
  await cp(logDir, copy, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
  if (!closed) await adapter.close();
  const files = await snapshot(partitionOf(copy));
  delete files['log.lock'];
  const { log, values } = await readAll(options, copy, fs);
  return { options, fs, files, log: log!, values };
}

/** Waits for the indexes of all files that are no longer written; they are built in the background. */
async function untilIndexed(directory: string): Promise<void> {
  for (;;) {
    const names = await readdir(directory);
    const numbers = names.flatMap((name) => /^log\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
    const left = numbers.filter((number) => number !== Math.max(...numbers));
    if (left.every((number) => names.includes(`log.${number}.keys`))) return;
    await setTimeout(1);
  }
}

/** Opens a sample with one file changed (undefined: removed). */
export async function withChange(
  sample: Sample,
  name: string,
  bytes: Buffer | undefined,
  logDir: string,
): Promise<Outcome> {
  const directory = partitionOf(logDir);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  for (const [file, content] of Object.entries(sample.files)) {
    const changed = file === name ? bytes : content;
    if (changed !== undefined) await writeFile(join(directory, file), changed);
  }
  return readAll(sample.options, logDir, sample.fs);
}

/**
 * Checks what must never happen: a value that was never the newest, an entry that was never written, an acknowledged
 * entry that is lost without a report.
 */
export function problemOf(sample: Sample, outcome: Outcome, mayLoseTail: boolean): string | undefined {
  const { log } = outcome;
  if (log === undefined) return undefined;
  const strangers = log.filter((text) => !sample.log.includes(text));
  if (strangers.length > 0) return `entries that were never written: ${strangers.join(' ').slice(0, 200)}`;
  let at = -1;
  for (const text of log) {
    at = sample.log.indexOf(text, at + 1);
    if (at < 0) return 'entries out of order';
  }
  const complete = log.length === sample.log.length;
  const isPrefix = log.every((text, i) => text === sample.log[i]);
  const silent = !outcome.reported;
  if (!complete && silent && !(mayLoseTail && isPrefix)) return 'entries are gone and nothing was reported';
  // A key may read as damaged. After a loss that is reported, or of a torn tail, it may read as what remains of the
  // log says.
  for (const [key, value] of outcome.values) {
    if (value.startsWith('!')) {
      if (value !== '!LOG_CORRUPT') return `${key} failed with ${value}`;
      continue;
    }
    if (value === sample.values.get(key)) continue;
    // Cut as a torn tail, and reported: the log is what it was before the tail.
    if ((outcome.reported || mayLoseTail) && isPrefix && value === newestIn(log, key)) continue;
    return `${key} reads ${value.slice(0, 60)} and was ${sample.values.get(key)?.slice(0, 60)}`;
  }
  return undefined;
}

/** The last write was acknowledged after all others were stored, so only damage to itself may look torn. */
export const lastSizeOf = ({ format = 'internal' }: DiskLogOptions) =>
  sizeOf([{ key: 'last', value: 'z' }], FORMATS[format]);

export function keepsLast(sample: Sample, { log }: Outcome): boolean {
  return log === undefined || log.at(-1) === sample.log.at(-1);
}

function newestIn(log: readonly string[], key: string): string {
  const newest = log.findLast((text) => text === `${key}-` || text.startsWith(`${key}=`));
  return newest === undefined || newest === `${key}-` ? '-' : newest.slice(key.length + 1);
}
