import { type INestApplicationContext, Logger } from '@nestjs/common';
import { isError } from '@genrocks/storage';
import { toSnakeCase } from '@genrocks/storage/config';
import { isDeepStrictEqual } from 'node:util';
import type { BrokerConfig } from './broker-config.js';
import type { KafkaConfig } from './kafka.config.js';
import { toKafkaTls, toKafkaUsers } from './kafka-security.js';
import type { LoadedConfig } from './load-config.js';

/**
 * Reloads the configuration and applies what can change at run time: certificate, key and CA of Kafka's TLS, and the
 * users. Logs other changed keys, which need a restart.
 */
export class ConfigReloader {
  private readonly logger = new Logger('Config');

  /** @param started the configuration the broker was started with */
  constructor(
    private readonly app: INestApplicationContext,
    private readonly started: BrokerConfig,
    private readonly load: () => LoadedConfig,
  ) {}

  /** Never rejects: an unusable configuration is logged as an error and changes nothing. */
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
        `reloaded: ${names.join(', ') || 'nothing, because neither kafka.tls nor kafka.users is set'}`,
      );
      const { started } = this;
      const waiting = changedKeys({ ...started, kafka: { ...started.kafka, ...live } }, config);
      if (waiting.length > 0)
        this.logger.warn(
          `changed, but only effective after a restart: ${waiting.map(toSnakeCasePath).join(', ')}`,
        );
    } catch (error) {
      const reason = isError(error) ? error.message : String(error);
      this.logger.error(`the new configuration is invalid and changes nothing: ${reason}`);
    }
  }

  /**
   * The part of a configuration that applies without a restart, to new connections: TLS and users, if they were set before
   * and are set now. Client authentication (`client_auth`) does not change.
   */
  private liveOf({ kafka: next }: BrokerConfig): Pick<KafkaConfig, 'tls' | 'users'> {
    const { enabled, tls, users } = this.started.kafka;
    return {
      ...(enabled && tls && next.tls && { tls: { ...next.tls, clientAuth: tls.clientAuth } }),
      ...(enabled && users && next.users && { users: next.users }),
    };
  }
}

/** Paths of the keys whose values differ. A group that exists on one side only counts as one key. */
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
