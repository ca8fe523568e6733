import type { OptionsClass } from '@genrocks/storage/config';
import { EtsStoreSettings } from '@genrocks/storage-ets';
import { DiskLogStoreSettings } from '@genrocks/storage-disklog';
import { RocksDbStoreSettings } from '@genrocks/storage-rocksdb';

/** The names of the adapters in configuration. */
export const ADAPTERS = ['disk_log', 'ets', 'rocksdb'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** The settings of each adapter that a single topic may override. */
export const STORE_SETTINGS: Readonly<Record<AdapterName, OptionsClass>> = {
  disk_log: DiskLogStoreSettings,
  ets: EtsStoreSettings,
  rocksdb: RocksDbStoreSettings,
};

export function isAdapterName(name: unknown): name is AdapterName {
  return ADAPTERS.includes(name as AdapterName);
}

/** The allowed adapter names, for messages. */
export function allowedAdapters(): string {
  return `one of ${ADAPTERS.join(', ')}`;
}
