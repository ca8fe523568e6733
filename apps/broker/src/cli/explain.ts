import { InvalidConfigError, isGenRocksError } from '@genrocks/storage';
import type { BrokerConfig } from '../config/broker-config.js';

/** Why the broker did not start, in lines for people: no stack, one line per mistake. */
export function explainStartFailure(error: unknown, config: BrokerConfig | undefined): string[] {
  if (error instanceof InvalidConfigError) return error.problems.map((problem) => `genrocks: ${problem}`);
  if (isGenRocksError(error)) return [`genrocks: ${error.code}: ${error.message}`];
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  const address = `${config?.http.host}:${config?.http.port}`;
  switch (code) {
    case 'EADDRINUSE':
      return [
        `genrocks: ${address} is taken by another process; stop it, or set http.port (GENROCKS_HTTP_PORT)`,
      ];
    case 'EACCES':
      return [`genrocks: no permission: ${message}`];
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return [`genrocks: http.host ${config?.http.host} is not an address of this machine`];
    default:
      return [`genrocks: could not start: ${message ?? String(error)}`];
  }
}
