import { type Codec, jsonCodec, stringCodec } from './codec.js';
import type { PartitionStore, ReadOptions, ScanOptions } from './partition-store.js';

/** The codecs of a {@link TypedStore}. */
export interface TypedStoreOptions<K, V> {
  /** Codec for keys. Default: {@link stringCodec}, UTF-8 text. */
  key?: Codec<K>;
  /** Codec for values. Default: {@link jsonCodec}. */
  value?: Codec<V>;
}

/** Scan conditions with typed keys, which compare in the order of their encoded bytes. */
export interface TypedScanOptions<K> extends ReadOptions {
  /** Only keys whose encoded bytes start with those of this one. */
  prefix?: K;
  /** Only keys above this one. */
  gt?: K;
  /** Only this key and those above it. */
  gte?: K;
  /** Only keys below this one. */
  lt?: K;
  /** Only this key and those below it. */
  lte?: K;
  /** From the highest key down. Default false. */
  reverse?: boolean;
  /** At most this many entries, counted after all other conditions. Default: no limit. */
  limit?: number;
}

/** One operation of an atomic batch, with typed key and value. */
export type TypedBatchOperation<K, V> =
  { readonly type: 'put'; readonly key: K; readonly value: V } | { readonly type: 'delete'; readonly key: K };

/**
 * A store seen through codecs, for state of your own. Durability, order and errors are those of the store. A value that a
 * codec cannot encode fails with `CODEC_FAILED`, before anything is written.
 *
 * @example
 * const carts = new TypedStore<string, Cart>(await storage.open('carts', 0));
 * await carts.put('alice', { items: 3 });
 *
 * @publicApi
 */
export class TypedStore<K = string, V = unknown> {
  private readonly keys: Codec<K>;
  private readonly values: Codec<V>;

  constructor(
    readonly store: PartitionStore,
    options: TypedStoreOptions<K, V> = {},
  ) {
    this.keys = options.key ?? (stringCodec as unknown as Codec<K>);
    this.values = options.value ?? (jsonCodec as Codec<V>);
  }

  /** As {@link PartitionStore.put}. */
  async put(key: K, value: V): Promise<void> {
    await this.store.put(this.keys.encode(key), this.values.encode(value));
  }

  /** As {@link PartitionStore.get}. */
  async get(key: K, options?: ReadOptions): Promise<V | undefined> {
    const bytes = await this.store.get(this.keys.encode(key), options);
    return bytes === undefined ? undefined : this.values.decode(bytes);
  }

  /** As {@link PartitionStore.delete}. */
  async delete(key: K): Promise<void> {
    await this.store.delete(this.keys.encode(key));
  }

  /** As {@link PartitionStore.exists}. */
  async exists(key: K, options?: ReadOptions): Promise<boolean> {
    return this.store.exists(this.keys.encode(key), options);
  }

  /** As {@link PartitionStore.batch}: all operations, or none. */
  async batch(operations: readonly TypedBatchOperation<K, V>[]): Promise<void> {
    await this.store.batch(
      operations.map((operation) =>
        operation.type === 'put'
          ? { type: 'put', key: this.keys.encode(operation.key), value: this.values.encode(operation.value) }
          : { type: 'delete', key: this.keys.encode(operation.key) },
      ),
    );
  }

  /** As {@link PartitionStore.scan}. */
  async *scan(options: TypedScanOptions<K> = {}): AsyncIterableIterator<{ key: K; value: V }> {
    const { prefix, gt, gte, lt, lte, ...rest } = options;
    const bounds: ScanOptions = { ...rest };
    for (const [name, key] of Object.entries({ prefix, gt, gte, lt, lte })) {
      if (key !== undefined) bounds[name as 'prefix'] = this.keys.encode(key);
    }
    for await (const page of this.store.scanPages(bounds)) {
      for (const entry of page)
        yield { key: this.keys.decode(entry.key), value: this.values.decode(entry.value) };
    }
  }
}
