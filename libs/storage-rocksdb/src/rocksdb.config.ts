import { checkOptions, readEnv } from '@genrocks/storage/config';
import { registerAs } from '@nestjs/config';
import { RocksDbOptions } from './rocksdb-options.js';

/** The environment variable of each option. */
export const ROCKSDB_ENV = {
  path: 'GENROCKS_ROCKSDB_PATH',
  createIfMissing: 'GENROCKS_ROCKSDB_CREATE_IF_MISSING',
  writeBufferSize: 'GENROCKS_ROCKSDB_WRITE_BUFFER_SIZE',
  maxWriteBufferNumber: 'GENROCKS_ROCKSDB_MAX_WRITE_BUFFER_NUMBER',
  compression: 'GENROCKS_ROCKSDB_COMPRESSION',
  maxOpenFiles: 'GENROCKS_ROCKSDB_MAX_OPEN_FILES',
  recovery: 'GENROCKS_ROCKSDB_RECOVERY',
  sync: 'GENROCKS_ROCKSDB_SYNC',
} as const;

/**
 * Reads the options of the RocksDB adapter from the environment; {@link ROCKSDB_ENV} has the names of the variables.
 *
 * @example
 * RocksDbModule.forRootAsync({
 *   imports: [ConfigModule.forFeature(rocksDbConfig)],
 *   inject: [rocksDbConfig.KEY],
 *   useFactory: (options: ConfigType<typeof rocksDbConfig>) => options,
 * })
 */
export const rocksDbConfig = registerAs('rocksdb', (): RocksDbOptions => {
  const { values, names } = readEnv(ROCKSDB_ENV);
  return checkOptions(RocksDbOptions, values, { where: 'storage.rocksdb', names });
});
