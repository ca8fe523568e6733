import type { StoreInfo } from '@genrocks/storage';
import type { DiskLogStoreContext } from './disk-log-store.js';
import type { LogDirectory } from './engine/log-directory.js';
import type { LogFile } from './engine/log-file.js';
import type { LogWriter } from './engine/log-writer.js';

/** Gathers the state of a store for `info()`. */
export function infoOf(
  { topic, partition, names, settings }: DiskLogStoreContext,
  log: LogDirectory,
  writer: LogWriter,
): StoreInfo {
  const { files, recovery, lostItems } = log;
  const sum = (of: (file: LogFile) => number) => files.reduce((total, file) => total + of(file), 0);
  return {
    adapter: 'disk_log',
    topic,
    partition,
    durable: settings.sync === 'always',
    items: sum((file) => file.entries),
    bytes: sum((file) => file.end),
    lostItems,
    details: {
      directory: names.directory,
      log_type: settings.logType,
      format: settings.format,
      max_no_files: settings.logType === 'wrap' ? settings.maxNoFiles : 1,
      max_no_bytes: settings.logType === 'compact' ? null : settings.maxNoBytes,
      sync: settings.sync,
      files: files.length,
      log_items: sum((file) => file.items),
      current_file: log.current.file.number,
      damaged_ranges: files.flatMap((file) => file.allDamage),
      last_recovery: { ...recovery, ms: Math.round(recovery.ms * 10) / 10 },
      failed: writer.failed?.message ?? null,
    },
  };
}
