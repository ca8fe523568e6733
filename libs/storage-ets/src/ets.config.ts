import { checkOptions, readEnv } from '@genrocks/storage/config';
import { registerAs } from '@nestjs/config';
import { EtsOptions } from './ets-options.js';

/**
 * The options of the in-memory adapter from the environment: `GENROCKS_ETS_MAX_BYTES` and
 * `GENROCKS_ETS_ALLOW_IN_PRODUCTION`.
 *
 * @example
 * EtsModule.forRootAsync({
 *   imports: [ConfigModule.forFeature(etsConfig)],
 *   inject: [etsConfig.KEY],
 *   useFactory: (options: ConfigType<typeof etsConfig>) => options,
 * })
 */
export const etsConfig = registerAs('ets', (): EtsOptions => {
  const { values, names } = readEnv({
    maxBytes: 'GENROCKS_ETS_MAX_BYTES',
    allowInProduction: 'GENROCKS_ETS_ALLOW_IN_PRODUCTION',
  });
  return checkOptions(EtsOptions, values, { where: 'storage.ets', names });
});
