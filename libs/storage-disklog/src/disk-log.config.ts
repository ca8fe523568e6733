import { checkOptions, readEnv } from '@genrocks/storage/config';
import { registerAs } from '@nestjs/config';
import { DiskLogOptions } from './disk-log-options.js';

/** The environment variable of each option. */
export const DISK_LOG_ENV = {
  logDir: 'GENROCKS_LOG_DIR',
  logType: 'GENROCKS_LOG_TYPE',
  maxNoFiles: 'GENROCKS_MAX_NO_FILES',
  maxNoBytes: 'GENROCKS_MAX_NO_BYTES',
  repair: 'GENROCKS_REPAIR',
  format: 'GENROCKS_FORMAT',
  sync: 'GENROCKS_SYNC',
  syncIntervalMs: 'GENROCKS_SYNC_INTERVAL_MS',
  overflow: 'GENROCKS_OVERFLOW',
} as const;

/**
 * Reads the options of the disk log from the environment; {@link DISK_LOG_ENV} has the names of the variables.
 *
 * @example
 * DiskLogModule.forRootAsync({
 *   imports: [ConfigModule.forFeature(diskLogConfig)],
 *   inject: [diskLogConfig.KEY],
 *   useFactory: (options: ConfigType<typeof diskLogConfig>) => options,
 * })
 */
export const diskLogConfig = registerAs('disk_log', (): DiskLogOptions => {
  const { values, names } = readEnv(DISK_LOG_ENV);
  return checkOptions(DiskLogOptions, values, { where: 'storage.disk_log', names });
});
