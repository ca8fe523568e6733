import { type INestApplicationContext, Logger } from '@nestjs/common';
import { isError } from '@genrocks/storage';
import { toSnakeCase } from '@genrocks/storage/config';
import { isDeepStrictEqual } from 'node:util';
import type { BrokerConfig } from './broker-config.js';
import type { KafkaConfig } from './kafka.config.js';
import { toKafkaTls, toKafkaUsers } from './kafka-security.js';
import type { LoadedConfig } from './load-config.js';

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
      const live = this.liveOf(config);
      const names = Object.keys(live).map((name) => `kafka.${name}`);
      if (names.length > 0) {
        const { KafkaListener } = await import('@genrocks/kafka');
        const { tls, users } = live;
        await this.app.get(KafkaListener, { strict: false }).reload({
          ...(tls && { tls: toKafkaTls(tls) }),
          ...(users && { users: toKafkaUsers(users, process.env) }),
        });
      }
      for (const warning of warnings) this.logger.warn(warning);
      this.logger.log(
        `read again: ${names.join(', ') || 'nothing, there is neither kafka.tls nor kafka.users'}`,
      );
      const { started } = this;
      const waiting = changedKeys({ ...started, kafka: { ...started.kafka, ...live } }, config);
      if (waiting.length > 0)
        this.logger.warn(`changed, but needs a restart: ${waiting.map(toSnakeCasePath).join(', ')}`);
    } catch (error) {
      const reason = isError(error) ? error.message : String(error);
      this.logger.error(`the configuration cannot be used, and everything stays as it was: ${reason}`);
    }
  }

  /**
   * What of a configuration holds without a restart, for new connections: TLS and users, where there are any before and
   * after. Whether clients show certificates stays as it was.
   */
  private liveOf({ kafka: next }: BrokerConfig): Pick<KafkaConfig, 'tls' | 'users'> {
    const { enabled, tls, users } = this.started.kafka;
    return {
      ...(enabled && tls && next.tls && { tls: { ...next.tls, clientAuth: tls.clientAuth } }),
      ...(enabled && users && next.users && { users: next.users }),
    };
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
