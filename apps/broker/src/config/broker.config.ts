import { registerAs } from '@nestjs/config';
import { loadConfig } from './load-config.js';

/**
 * The broker's configuration under the key `genrocks`, from `genrocks.yaml` and the environment.
 *
 * @example
 * constructor(@Inject(brokerConfig.KEY) config: ConfigType<typeof brokerConfig>) {}
 */
export const brokerConfig = registerAs('genrocks', () => loadConfig().config);
