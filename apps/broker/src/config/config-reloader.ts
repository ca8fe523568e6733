import { type INestApplicationContext, Logger } from '@nestjs/common';
import { isError } from '@genrocks/storage';
import { toSnakeCase } from '@genrocks/storage/config';
import type { KafkaReload } from '@genrocks/kafka/config';
import { isDeepStrictEqual } from 'node:util';
import type { BrokerConfig } from './broker-config.js';
import { toKafkaTls, toKafkaUsers } from './kafka-security.js';
import type { LoadedConfig } from './load-config.js';

/** Keys that hold for new connections without a restart, in camelCase. */
const LIVE = new Set([
  'kafka.tls.key',
  'kafka.tls.cert',
  'kafka.tls.ca',
  'kafka.tls.passphrase',
  'kafka.users',
]);

/**
 * Reads the configuration again, and puts in place what can change while the broker runs: certificate, key and
 * authority of Kafka's TLS, and the users. What else has changed is named, and waits for a restart.
 */
export class ConfigReloader {
  private readonly logger = new Logger('Config');

  /** @param started what the broker runs with */
  constructor(
    private readonly app: INestApplicationContext,
    private readonly started: BrokerConfig,
    private readonly load: () => LoadedConfig,
  ) {}

  /** Never rejects: what cannot be used is told by an error in the log, and everything stays as it was. */
  async reload(): Promise<void> {
    try {
      const { config, warnings } = this.load();
      const next = this.reloadable(config);
      const names = Object.keys(next).map((name) => `kafka.${name}`);
      if (names.length > 0) {
        const { KafkaListener } = await import('@genrocks/kafka');
        await this.app.get(KafkaListener, { strict: false }).reload(next);
      }
      for (const warning of warnings) this.logger.warn(warning);
      this.logger.log(
        `read again: ${names.join(', ') || 'nothing, there is neither kafka.tls nor kafka.users'}`,
      );
      const waiting = changedKeys(this.started, config).filter((key) => !this.isLive(key, config));
      if (waiting.length > 0)
        this.logger.warn(`changed, but needs a restart: ${waiting.map(toSnakeCasePath).join(', ')}`);
    } catch (error) {
      const reason = isError(error) ? error.message : String(error);
      this.logger.error(`the configuration cannot be used, and everything stays as it was: ${reason}`);
    }
  }

  /** What there is before and after; whether clients show certificates stays as it was. */
  private reloadable({ kafka: next }: BrokerConfig): KafkaReload {
    const { enabled, tls, users } = this.started.kafka;
    if (!enabled) return {};
    return {
      ...(tls !== undefined &&
        next.tls !== undefined && { tls: { ...toKafkaTls(next.tls), clientAuth: tls.clientAuth } }),
      ...(users && next.users && { users: toKafkaUsers(next.users, process.env) }),
    };
  }

  private isLive(key: string, { kafka: next }: BrokerConfig): boolean {
    const { enabled, users } = this.started.kafka;
    return LIVE.has(key) && enabled && (key !== 'kafka.users' || !users === !next.users);
  }
}

/** Paths of the keys whose values differ; a group that is only on one side is one. */
function changedKeys(before: unknown, after: unknown, path: readonly string[] = []): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isGroup(before) || !isGroup(after)) return [path.join('.')];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changedKeys(before[key], after[key], [...path, key]));
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toSnakeCasePath(path: string): string {
  return path.split('.').map(toSnakeCase).join('.');
}
