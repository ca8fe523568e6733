import type RocksDB from 'rocksdb-native';
import { StorageIoError } from '@genrocks/storage';
import type { ResolvedOptions } from '../rocksdb-options.js';

/** A change to keys of the database. */
export type RawWrite =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'delete'; readonly key: Buffer }
  | { readonly type: 'deleteRange'; readonly start: Buffer; readonly end: Buffer };

export interface RawEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Opens the database. Only this loads the binary, so an application that opens no database does not need it. */
export async function openNative(options: ResolvedOptions): Promise<RocksDB> {
  const Native = await loadBinding();
  const { walRecoveryMode, pinningTier } = Native.constants;
  const pinned = pinningTier.FLUSHED_AND_SIMILAR;
  const db = new Native(options.path, {
    createIfMissing: options.createIfMissing,
    writeBufferSize: options.writeBufferSize,
    maxWriteBufferNumber: options.maxWriteBufferNumber,
    maxOpenFiles: options.maxOpenFiles,
    walRecoveryMode:
      options.recovery === 'strict'
        ? walRecoveryMode.TOLERATE_CORRUPTED_TAIL_RECORDS
        : walRecoveryMode.POINT_IN_TIME,
    // Pinning the indexes and filters of all files would take memory that grows with the data.
    topLevelIndexPinningTier: pinned,
    partitionPinningTier: pinned,
    unpartitionedPinningTier: pinned,
  });
  await db.ready();
  return db;
}

/** Applies all writes in order, or none. */
export async function writeAll(db: RocksDB, writes: readonly RawWrite[]): Promise<void> {
  const batch = db.write({ capacity: writes.length, autoDestroy: true });
  for (const write of writes) {
    if (write.type === 'put') batch.tryPut(write.key, write.value);
    else if (write.type === 'delete') batch.tryDelete(write.key);
    else batch.tryDeleteRange(write.start, write.end);
  }
  await batch.flush();
}

/** Reads the values of many keys; null if there is none. */
export async function readAll(db: RocksDB, keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
  const batch = db.read({ capacity: keys.length, autoDestroy: true });
  const values = keys.map((key) => batch.get(key));
  batch.tryFlush();
  // Awaits all of them, or a second failure would be an unhandled rejection.
  const settled = await Promise.allSettled(values);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

export interface RawRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
  readonly reverse?: boolean;
}

/** Reads the first `limit` entries of a range. The iterator lives only for this call. */
export async function readPage(db: RocksDB, range: RawRange, limit: number): Promise<RawEntry[]> {
  // One more than the limit: the binding takes a page that is not full for the end of the range.
  const iterator = db.iterator({ ...range, limit }, { capacity: limit + 1 });
  const entries: RawEntry[] = [];
  for await (const { key, value } of iterator) entries.push({ key, value: value! });
  return entries;
}

/** Writes the memory of the database to table files, and rewrites those that hold keys of a range. */
export async function compactRange(db: RocksDB, start: Buffer, end: Buffer): Promise<void> {
  const { constants } = await loadBinding();
  await db.flush();
  await db.compactRange(start, end, { bottommostLevelCompaction: constants.bottommostLevelCompaction.FORCE });
}

async function loadBinding(): Promise<typeof RocksDB> {
  try {
    return (await import('rocksdb-native')).default;
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n');
    const advice =
      'rocksdb-native has binaries for Linux with glibc 2.34 and libatomic (not Alpine), macOS and Windows, x64 and arm64; ' +
      'the disk log (adapter: disk_log) runs everywhere';
    throw new StorageIoError(`RocksDB cannot be loaded: ${reason}; ${advice}`, cause);
  }
}
