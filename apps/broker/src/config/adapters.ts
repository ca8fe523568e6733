import type { OptionsClass } from '@genrocks/storage/config';
import { EtsStoreSettings } from '@genrocks/storage-ets';
import { DiskLogStoreSettings } from '@genrocks/storage-disklog';

/** Adapters that can be chosen, by the name they have in configuration. */
export const ADAPTERS = ['disk_log', 'ets'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** What each adapter lets a single topic set. */
export const STORE_SETTINGS: Readonly<Record<AdapterName, OptionsClass>> = {
  disk_log: DiskLogStoreSettings,
  ets: EtsStoreSettings,
};

export function isAdapterName(name: unknown): name is AdapterName {
  return ADAPTERS.includes(name as AdapterName);
}

const NOT_YET = 'the RocksDB adapter is not available in this version';

/** What may stand for an adapter's name, in words. */
export function allowedAdapters(given: unknown): string {
  const allowed = `one of ${ADAPTERS.join(', ')}`;
  return given === 'rocksdb' ? `${allowed}; ${NOT_YET}` : allowed;
}
