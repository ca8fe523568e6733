import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { InvalidConfigError, isError } from '@genrocks/storage';
import type { SystemStatus } from '../status.types.js';
import { TopicsService } from '../topics.service.js';
import { Progress } from './progress.js';

/** A check that takes longer than this has failed. */
const TIMEOUT_MS = 5_000;

/** At most this many partitions or groups are named. */
const MAX_NAMED = 10;

/** When storage counts as healthy. */
export interface StorageHealthOptions {
  /** The check has failed after this many milliseconds. Default 5,000. */
  timeoutMs?: number;
}

/** When consumers count as healthy. */
export interface ConsumersHealthOptions {
  /**
   * A member is stuck when for this many milliseconds it has not handled, failed or committed anything of a partition
   * that has messages for it. Has to be longer than the slowest handler. Default 60,000.
   */
  stuckMs?: number;
  /** Groups that have to run in this process. Default: none has to; those that run are looked at. */
  groups?: readonly string[];
}

/** How far groups may be behind. */
export interface LagHealthOptions {
  /** Messages a group may be behind. For single groups: by their names. */
  max: number | Readonly<Record<string, number>>;
  /**
   * `degraded` in place of `down` (`up` with a message under Terminus 11, which has no such status): the check as a whole
   * still passes. Default false.
   */
  degraded?: boolean;
}

/**
 * Indicators for Terminus.
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
   * Can messages be taken and kept? Writes to the default adapter as a commit does, over what the last check has written,
   * so that no log grows by it; and every partition of every running topic has to be open and take writes.
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
   * Do the members of groups in this process get on? It compares with the check before, so it can tell only from the
   * second on. Paused partitions are left out.
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
    if (missing.length > 0) return session.down({ message: `no member runs of: ${missing.join(', ')}` });
    const stuck = this.progressOf(key).stuck(members, this.topics.clock.monotonic(), stuckMs);
    if (stuck.length === 0) return session.up({ members: members.length });
    const named = stuck.slice(0, MAX_NAMED).map(({ group, topic, partition, lag, stuckMs: ms }) => {
      return `${group} at ${topic}/${partition}, ${lag} behind, for ${Math.round(ms / 1000)} s`;
    });
    return session.down({ message: `stuck: ${named.join('; ')}`, stuck: stuck.length });
  }

  /**
   * Are groups less than this far behind? Groups without members are looked at too where they are named.
   * @throws `INVALID_CONFIG` for a limit that is none
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
      // A group that nobody has heard of yet is not behind.
      const lag = (await this.topics.groups.describe(name).catch(() => undefined))?.lag ?? 0;
      highest = Math.max(highest, lag);
      const limit = limits === undefined ? (max as number) : limits[name]!;
      if (lag > limit) behind.push(`${name} by ${lag}, ${limit} are allowed`);
    }
    if (behind.length === 0) return session.up({ highest });
    const data = { message: `behind: ${behind.slice(0, MAX_NAMED).join('; ')}`, highest };
    if (!degraded) return session.down(data);
    // Terminus 11 knows no such status, and would leave the indicator out of its answer.
    return typeof session.degraded === 'function' ? session.degraded(data) : session.up(data);
  }

  private async assertStorage(): Promise<void> {
    await this.topics.probe();
    const failed = failedPartitions(await this.topics.systemStatus());
    if (failed.length > 0) throw new Error(`not available: ${failed.join('; ')}`);
  }

  /** Each check compares with its own last one. */
  private progressOf(key: string): Progress {
    let progress = this.progress.get(key);
    if (progress === undefined) this.progress.set(key, (progress = new Progress()));
    return progress;
  }
}

/** Terminus has this only since version 12. */
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
