import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { InvalidConfigError, isError } from '@genrocks/storage';
import type { SystemStatus } from '../status.types.js';
import { TopicsService } from '../topics.service.js';
import { Progress } from './progress.js';

/** Default timeout of the storage check. */
const TIMEOUT_MS = 5_000;

/** Maximum number of partitions or groups that a message names. */
const MAX_NAMED = 10;

/** Options of the storage check. */
export interface StorageHealthOptions {
  /** The check fails after this many milliseconds. Default 5,000. */
  timeoutMs?: number;
}

/** Options of the consumers check. */
export interface ConsumersHealthOptions {
  /**
   * A member is stuck if for this many milliseconds it has not read, handled, failed or committed a message of a partition
   * that has messages for it. Must be longer than the slowest handler takes. Default 60,000.
   */
  stuckMs?: number;
  /** Groups that must run in this process. Default: none; all groups that run here are checked. */
  groups?: readonly string[];
}

/** Options of the lag check. */
export interface LagHealthOptions {
  /** Maximum lag, in messages: for all groups with members, or by group name. */
  max: number | Readonly<Record<string, number>>;
  /**
   * Report `degraded` instead of `down` (under Terminus 11, which has no such status, `up` with a message), so that the
   * health check as a whole still passes. Default false.
   */
  degraded?: boolean;
}

/**
 * Terminus health indicators for storage, consumers and lag.
 *
 * @example
 * \@HealthCheck()
 * check() {
 *   return this.health.check([
 *     () => this.topics.storage('storage'),
 *     () => this.topics.consumers('consumers', { stuckMs: 120_000 }),
 *     () => this.topics.lag('lag', { max: { billing: 10_000 } }),
 *   ]);
 * }
 *
 * @publicApi
 */
@Injectable()
export class TopicsHealthIndicator {
  private readonly progress = new Map<string, Progress>();

  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
  ) {}

  /**
   * Checks that messages can be stored. It writes to the default adapter as a commit does, overwriting the last check's
   * value so that no log grows, and requires every partition of every running topic to be open and to take writes.
   */
  async storage<const Key extends string>(
    key: Key,
    { timeoutMs = TIMEOUT_MS }: StorageHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const session = this.indicators.check(key);
    const began = performance.now();
    const responseTime = () => Math.round(performance.now() - began);
    try {
      await within(timeoutMs, this.assertStorage());
      return session.up({ responseTime: responseTime() });
    } catch (error) {
      const message = isError(error) ? error.message : String(error);
      return session.down({ message, responseTime: responseTime() });
    }
  }

  /**
   * Checks that the members of groups in this process make progress. It compares with the previous check, so it can only
   * fail from the second check on. Paused partitions are ignored.
   */
  async consumers<const Key extends string>(
    key: Key,
    options: ConsumersHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const { stuckMs = 60_000, groups = [] } = options;
    const session = this.indicators.check(key);
    const members = this.topics.consumerGroups;
    const missing = groups.filter(
      (name) => !members.some(({ group, state }) => group === name && state === 'running'),
    );
    if (missing.length > 0)
      return session.down({ message: `no member runs in this process for: ${missing.join(', ')}` });
    const stuck = this.progressOf(key).stuck(members, this.topics.clock.monotonic(), stuckMs);
    if (stuck.length === 0) return session.up({ members: members.length });
    const named = stuck.slice(0, MAX_NAMED).map(({ group, topic, partition, lag, stuckMs: ms }) => {
      return `${group} at ${topic}/${partition}, ${lag} behind, for ${Math.round(ms / 1000)} s`;
    });
    return session.down({ message: `stuck: ${named.join('; ')}`, stuck: stuck.length });
  }

  /**
   * Checks the lag of groups against a limit. Groups without members are checked only if `max` names them.
   * @throws `INVALID_CONFIG` for a limit that is not a number from 0
   */
  async lag<const Key extends string>(
    key: Key,
    { max, degraded = false }: LagHealthOptions,
  ): Promise<HealthIndicatorResult<Key>> {
    const session = this.indicators.check(key);
    const limits = typeof max === 'number' ? undefined : max;
    for (const limit of limits === undefined ? [max] : Object.values(limits)) {
      if (typeof limit === 'number' && limit >= 0) continue;
      throw new InvalidConfigError([
        `lag of ${key}: max: ${JSON.stringify(limit)} is not allowed; a number from 0`,
      ]);
    }
    const names =
      limits === undefined
        ? this.topics.groups.list().flatMap(({ group, members }) => (members > 0 ? [group] : []))
        : Object.keys(limits);
    const behind: string[] = [];
    let highest = 0;
    for (const name of names) {
      // A group that does not exist yet has no lag.
      const lag = (await this.topics.groups.describe(name).catch(() => undefined))?.lag ?? 0;
      highest = Math.max(highest, lag);
      const limit = limits === undefined ? (max as number) : limits[name]!;
      if (lag > limit) behind.push(`${name} by ${lag} (limit ${limit})`);
    }
    if (behind.length === 0) return session.up({ highest });
    const data = { message: `behind: ${behind.slice(0, MAX_NAMED).join('; ')}`, highest };
    if (!degraded) return session.down(data);
    // Terminus 11 does not know this status, and would drop the indicator from its response.
    return typeof session.degraded === 'function' ? session.degraded(data) : session.up(data);
  }

  private async assertStorage(): Promise<void> {
    await this.topics.probe();
    const failed = failedPartitions(await this.topics.systemStatus());
    if (failed.length > 0) throw new Error(`not available: ${failed.join('; ')}`);
  }

  /** Each check compares with its own previous run. */
  private progressOf(key: string): Progress {
    let progress = this.progress.get(key);
    if (progress === undefined) this.progress.set(key, (progress = new Progress()));
    return progress;
  }
}

/** Fails with a timeout. Terminus has this only since version 12. */
async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timeout of ${timeoutMs}ms exceeded`)), timeoutMs);
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function failedPartitions({ topics }: SystemStatus): string[] {
  return topics
    .flatMap(({ name, partitions }) =>
      partitions
        .map(({ partition, state, error, store }) => ({
          place: `${name}/${partition}`,
          reason: state === 'failed' ? (error?.message ?? 'failed') : store?.details['failed'],
        }))
        .filter(({ reason }) => typeof reason === 'string'),
    )
    .slice(0, MAX_NAMED)
    .map(({ place, reason }) => `${place}: ${String(reason)}`);
}
