import { checkOptions, readEnv } from '@genrocks/storage/config';
import { registerAs } from '@nestjs/config';
import { EtsOptions } from './ets-options.js';

/** The environment variable of each option. */
export const ETS_ENV = {
  maxBytes: 'GENROCKS_ETS_MAX_BYTES',
  allowInProduction: 'GENROCKS_ETS_ALLOW_IN_PRODUCTION',
} as const;

/**
 * Reads the options of the in-memory adapter from the environment; {@link ETS_ENV} has the names of the variables.
 *
 * @example
 * EtsModule.forRootAsync({
 *   imports: [ConfigModule.forFeature(etsConfig)],
 *   inject: [etsConfig.KEY],
 *   useFactory: (options: ConfigType<typeof etsConfig>) => options,
 * })
 */
export const etsConfig = registerAs('ets', (): EtsOptions => {
  const { values, names } = readEnv(ETS_ENV);
  return checkOptions(EtsOptions, values, { where: 'storage.ets', names });
});
