import { NotSupportedError, StorageIoError, StoreClosedError, type StoreId } from '@genrocks/storage';
import type RocksDB from 'rocksdb-native';
import type { ResolvedOptions } from '../rocksdb-options.js';
import { Committer } from './committer.js';
import { createDirectory } from './directories.js';
import { toStorageError } from './errors.js';
import * as layout from './layout.js';
import { compactRange, openNative, readAll, readPage, type RawEntry, type RawRange } from './native.js';
import { StoreState } from './store-state.js';
import { WalSync } from './wal-sync.js';

const CATALOGUE_PAGE = 1000;

/** The database of an adapter: the entries of all stores, and the catalogue of stores. */
export class Database {
  private readonly stores = new Map<string, StoreState>();
  private readonly wal: WalSync;
  readonly committer: Committer;
  private nextId = 1;
  private closed = false;

  private constructor(
    private readonly db: RocksDB,
    readonly options: ResolvedOptions,
  ) {
    this.wal = new WalSync(db, options.path);
    this.committer = new Committer(db, this.wal, nameOf(options), options.compression === 'deflate');
  }

  /** @throws `LOCKED`, `LOG_CORRUPT`, `NO_SPACE`, `NOT_SUPPORTED`, `IO_ERROR` */
  static async open(options: ResolvedOptions): Promise<Database> {
    try {
      if (options.createIfMissing) await createDirectory(options.path);
      const db = await openNative(options);
      const database = new Database(db, options);
      try {
        await database.load();
      } catch (error) {
        await database.close();
        throw error;
      }
      return database;
    } catch (error) {
      throw toStorageError(error, nameOf(options));
    }
  }

  list(): StoreId[] {
    return [...this.stores.values()].map(({ id }) => id);
  }

  find(id: StoreId): StoreState | undefined {
    return this.stores.get(keyOf(id));
  }

  /** Returns a store, ready to be written. If it does not exist, creates it durably. */
  async store(id: StoreId): Promise<StoreState> {
    const state = this.find(id) ?? (await this.create(id));
    if (state.highestKey === undefined) {
      const [last] = await this.page({ ...state.keys.entries(), reverse: true }, 1);
      state.highestKey = last === undefined ? '' : state.keys.userKey(last.key).toString('latin1');
    }
    return state;
  }

  async destroy(state: StoreState): Promise<void> {
    await this.committer.submit({ type: 'destroy', state }, true);
    this.stores.delete(keyOf(state.id));
  }

  async get(keys: readonly Buffer[]): Promise<(Buffer | null)[]> {
    return this.guarded(() => readAll(this.db, keys));
  }

  async page(range: RawRange, limit: number): Promise<RawEntry[]> {
    return this.guarded(() => readPage(this.db, range, limit));
  }

  /** Writes the memory of the database to table files, and compacts those that hold a store. */
  async compact({ keys }: StoreState): Promise<void> {
    await this.guarded(() => compactRange(this.db, keys.start, keys.end));
  }

  /** RocksDB's estimate of the bytes of a store, in table files and in memory. */
  async sizeOf({ keys }: StoreState): Promise<number> {
    return this.guarded(() => this.db.approximateSize(keys.start, keys.end, { includeMemtables: true }));
  }

  /** Reads numeric properties of RocksDB by their names (without `rocksdb.`). */
  async properties(names: readonly string[]): Promise<Record<string, number>> {
    const values = await Promise.all(
      names.map((name) => this.guarded(() => this.db.getProperty(`rocksdb.${name}`))),
    );
    return Object.fromEntries(names.map((name, i) => [name, Number(values[i] ?? 0)]));
  }

  /** Waits for commits in progress, then closes the database. Every store must be closed before. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.committer.idle();
    try {
      await this.wal.close();
      await this.db.close();
    } catch (error) {
      throw toStorageError(error, nameOf(this.options));
    }
  }

  private async load(): Promise<void> {
    const [format, next] = await readAll(this.db, [layout.FORMAT_KEY, layout.NEXT_ID_KEY]);
    if (format === null) return this.format();
    const version = layout.parseUintValue(format!);
    if (version !== layout.FORMAT_VERSION) {
      throw new NotSupportedError(
        `${nameOf(this.options)} has format ${version}, this release reads format ${layout.FORMAT_VERSION}; use a newer release`,
      );
    }
    this.nextId = layout.parseUintValue(next!);
    let gte = layout.CATALOGUE_START;
    for (;;) {
      const page = await this.page({ gte, lt: layout.CATALOGUE_END }, CATALOGUE_PAGE);
      for (const { key, value } of page) {
        const id = layout.parseCatalogueKey(key);
        this.stores.set(keyOf(id), new StoreState(id, layout.parseCatalogueValue(value)));
      }
      if (page.length < CATALOGUE_PAGE) return;
      gte = Buffer.concat([page.at(-1)!.key, Buffer.alloc(1)]);
    }
  }

  /** Marks an empty database as a GenRocks one. Refuses a database with other contents. */
  private async format(): Promise<void> {
    const everything = { gte: Buffer.alloc(1), lt: Buffer.from([0xff]) };
    if ((await this.page(everything, 1)).length > 0) {
      throw new StorageIoError(
        `${nameOf(this.options)} holds data that is not from GenRocks; choose another path`,
      );
    }
    const writes = [
      { type: 'put', key: layout.FORMAT_KEY, value: layout.uintValue(layout.FORMAT_VERSION) },
      { type: 'put', key: layout.NEXT_ID_KEY, value: layout.uintValue(this.nextId) },
    ] as const;
    await this.committer.submit({ type: 'raw', writes }, true);
  }

  private async create(id: StoreId): Promise<StoreState> {
    const number = this.nextId++;
    const state = new StoreState(id, { id: number, ...layout.emptyCounters() });
    const writes = [
      { type: 'put', key: layout.NEXT_ID_KEY, value: layout.uintValue(this.nextId) },
      { type: 'put', key: state.catalogueKey, value: layout.catalogueValue(number, state.counters) },
    ] as const;
    await this.committer.submit({ type: 'raw', writes }, true);
    state.highestKey = '';
    this.stores.set(keyOf(id), state);
    return state;
  }

  /** Refuses calls once the database is closed, and turns errors of RocksDB into GenRocks errors. */
  private async guarded<T>(call: () => Promise<T>): Promise<T> {
    if (this.closed) throw new StoreClosedError(nameOf(this.options));
    try {
      return await call();
    } catch (error) {
      throw toStorageError(error, nameOf(this.options));
    }
  }
}

function nameOf({ path }: ResolvedOptions): string {
  return `the RocksDB database ${path}`;
}

function keyOf({ topic, partition }: StoreId): string {
  return `${topic}/${partition}`;
}
