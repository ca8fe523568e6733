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

/** The one database of an adapter: every store's entries, and the catalogue that says which stores there are. */
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

  /** The store of this name, created (durably) where there is none, and ready to be written. */
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

  /** Writes what is in memory to table files, and merges those that a store lies in. */
  async compact({ keys }: StoreState): Promise<void> {
    await this.guarded(() => compactRange(this.db, keys.start, keys.end));
  }

  /** Bytes that a store takes in table files and memory, by RocksDB's estimate. */
  async sizeOf({ keys }: StoreState): Promise<number> {
    return this.guarded(() => this.db.approximateSize(keys.start, keys.end, { includeMemtables: true }));
  }

  /** RocksDB's properties of these names (without `rocksdb.`) that are whole numbers. */
  async properties(names: readonly string[]): Promise<Record<string, number>> {
    const values = await Promise.all(
      names.map((name) => this.guarded(() => this.db.getProperty(`rocksdb.${name}`))),
    );
    return Object.fromEntries(names.map((name, i) => [name, Number(values[i] ?? 0)]));
  }

  /** Waits for what is under way. Every store has to be closed before. */
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
        `${nameOf(this.options)} has format ${version}, this release reads ${layout.FORMAT_VERSION}; use a newer one`,
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

  /** Marks an empty database as ours; anybody else's is left alone. */
  private async format(): Promise<void> {
    const everything = { gte: Buffer.alloc(1), lt: Buffer.from([0xff]) };
    if ((await this.page(everything, 1)).length > 0) {
      throw new StorageIoError(
        `${nameOf(this.options)} holds something else than GenRocks stores; choose another path`,
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

  /** RocksDB must not be called once it is closed; its errors become ours. */
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
