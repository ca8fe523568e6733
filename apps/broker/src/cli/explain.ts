import { InvalidConfigError, isGenRocksError } from '@genrocks/storage';
import type { BrokerConfig } from '../config/broker-config.js';
import { explainOpenFiles } from './open-files.js';
import { describeError } from './output.js';

/** Explains why the broker did not start: one line per mistake, no stack. */
export function explainStartFailure(error: unknown, config: BrokerConfig | undefined): string[] {
  if (explainOpenFiles(error) !== undefined) return [describeError(error, false)];
  if (error instanceof InvalidConfigError) return error.problems.map((problem) => `genrocks: ${problem}`);
  if (isGenRocksError(error, 'LISTEN_FAILED') && codeOf(error.cause) === 'EADDRINUSE') {
    const { host, port } = error.details as { host: string; port: number };
    return [
      `genrocks: LISTEN_FAILED: ${host}:${port} is in use by another process, perhaps another Kafka or GenRocks; ` +
        'stop it, set kafka.port (GENROCKS_KAFKA_PORT, 0 picks a free one), or turn the Kafka listener off with ' +
        'kafka.enabled (GENROCKS_KAFKA_ENABLED=false)',
    ];
  }
  if (isGenRocksError(error)) return [`genrocks: ${error.code}: ${error.message}`];
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  const address = `${config?.http.host}:${config?.http.port}`;
  switch (code) {
    case 'EADDRINUSE':
      return [
        `genrocks: ${address} is in use by another process; stop it, or set http.port (GENROCKS_HTTP_PORT)`,
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

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
