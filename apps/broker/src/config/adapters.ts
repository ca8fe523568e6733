import type { OptionsClass } from '@genrocks/storage/config';
import { EtsStoreSettings } from '@genrocks/storage-ets';
import { DiskLogStoreSettings } from '@genrocks/storage-disklog';
import { RocksDbStoreSettings } from '@genrocks/storage-rocksdb';

/** Adapters that can be chosen, by the name they have in configuration. */
export const ADAPTERS = ['disk_log', 'ets', 'rocksdb'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** What each adapter lets a single topic set. */
export const STORE_SETTINGS: Readonly<Record<AdapterName, OptionsClass>> = {
  disk_log: DiskLogStoreSettings,
  ets: EtsStoreSettings,
  rocksdb: RocksDbStoreSettings,
};

export function isAdapterName(name: unknown): name is AdapterName {
  return ADAPTERS.includes(name as AdapterName);
}

/** What may stand for an adapter's name, in words. */
export function allowedAdapters(): string {
  return `one of ${ADAPTERS.join(', ')}`;
}
