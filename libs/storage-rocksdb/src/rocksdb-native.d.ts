/** The part of `rocksdb-native` that this library uses; the package has no types. */
declare module 'rocksdb-native' {
  interface Range {
    gte?: Buffer;
    lt?: Buffer;
    reverse?: boolean;
    values?: boolean;
    limit?: number;
  }

  interface ReadBatch {
    /** The value, or null if there is none; settles after `tryFlush`. */
    get(key: Buffer): Promise<Buffer | null>;
    tryFlush(): void;
  }

  interface WriteBatch {
    tryPut(key: Buffer, value: Buffer): void;
    tryDelete(key: Buffer): void;
    tryDeleteRange(start: Buffer, end: Buffer): void;
    flush(): Promise<void>;
  }

  interface WalFile {
    readonly number: number;
  }

  class RocksDB {
    static readonly constants: {
      readonly walRecoveryMode: {
        readonly TOLERATE_CORRUPTED_TAIL_RECORDS: number;
        readonly POINT_IN_TIME: number;
      };
      readonly bottommostLevelCompaction: { readonly FORCE: number };
      readonly pinningTier: { readonly FLUSHED_AND_SIMILAR: number };
    };
    constructor(path: string, options?: Record<string, unknown>);
    ready(): Promise<void>;
    close(): Promise<void>;
    read(options: { capacity: number; autoDestroy: boolean }): ReadBatch;
    write(options: { capacity: number; autoDestroy: boolean }): WriteBatch;
    iterator(
      range: Range,
      options: { capacity: number },
    ): AsyncIterable<{ key: Buffer; value: Buffer | null }>;
    flush(): Promise<void>;
    compactRange(start: Buffer, end: Buffer, options: { bottommostLevelCompaction: number }): Promise<void>;
    approximateSize(start: Buffer, end: Buffer, options: { includeMemtables: boolean }): Promise<number>;
    currentWalFile(): Promise<WalFile>;
    getProperty(name: string): Promise<string | null>;
  }

  export = RocksDB;
}
