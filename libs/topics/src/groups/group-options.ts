import { assertUserTopicName } from '../topic-shape.js';
import { InvalidGroupError, messageOf } from '../errors.js';
import { assertGroupName } from './group-name.js';
import type {
  AssignmentStrategy,
  BatchHandler,
  ConsumerGroupOptions,
  MessageHandler,
  RetryOptions,
  StartFrom,
  TopicPattern,
} from './group.types.js';

export const MAX_OFFSET_METADATA_BYTES = 4096;

export type ResolvedRetryOptions = Required<Omit<RetryOptions, 'retryIf'>> & Pick<RetryOptions, 'retryIf'>;

/** Options of a group with all defaults applied. @internal */
export interface ResolvedGroupOptions {
  readonly group: string;
  /** Topics given by name. */
  readonly topics: readonly string[];
  /** Topics given by a pattern. */
  readonly patterns: readonly RegExp[];
  readonly handler: MessageHandler | undefined;
  readonly batchHandler: BatchHandler | undefined;
  readonly batchSize: number;
  readonly from: StartFrom;
  readonly assignment: AssignmentStrategy;
  readonly instanceId: string | undefined;
  readonly sessionTimeoutMs: number;
  readonly concurrency: number;
  readonly order: 'key' | 'partition';
  /** 0 is no limit. */
  readonly handlerTimeoutMs: number;
  readonly commit: 'auto' | 'manual';
  readonly autoCommitIntervalMs: number;
  readonly maxInFlight: number;
  readonly retry: ResolvedRetryOptions;
  /** Maps a topic to its dead-letter topic; undefined if messages are dropped instead. */
  readonly deadLetter: ((topic: string) => string) | undefined;
}

/** All options. The type makes the compiler reject a missing one. */
const KNOWN: Record<keyof ConsumerGroupOptions, true> = {
  group: true,
  topics: true,
  handler: true,
  batchHandler: true,
  batchSize: true,
  from: true,
  assignment: true,
  instanceId: true,
  sessionTimeoutMs: true,
  concurrency: true,
  order: true,
  handlerTimeoutMs: true,
  commit: true,
  autoCommitIntervalMs: true,
  maxInFlight: true,
  retry: true,
  retryBackoff: true,
  deadLetter: true,
};
const KNOWN_RETRY = new Set([
  'attempts',
  'interruptions',
  'initialMs',
  'maxMs',
  'factor',
  'jitter',
  'retryIf',
]);
const HOUR_MS = 3_600_000;
const MAX_HANDLER_TIMEOUT_MS = 24 * HOUR_MS;

/**
 * Checks the options of a group and applies the defaults.
 * @param handlerTimeoutMs default for groups that do not set one
 * @throws {InvalidGroupError} `INVALID_GROUP`
 */
export function resolveGroupOptions<T>(
  options: ConsumerGroupOptions<T>,
  handlerTimeoutMs = 0,
): ResolvedGroupOptions {
  assertComplete(options);
  const { group, topics, handler, batchHandler } = options;
  const resolved: ResolvedGroupOptions = {
    group,
    ...resolveTopics(topics),
    handler: handler as MessageHandler | undefined,
    batchHandler: batchHandler as BatchHandler | undefined,
    batchSize: inRange('batchSize', options.batchSize ?? 100, 1, 100_000),
    from: startFrom(options.from ?? 'earliest'),
    assignment: oneOf('assignment', options.assignment ?? 'cooperative_sticky', [
      'cooperative_sticky',
      'range',
      'round_robin',
    ]),
    instanceId: options.instanceId,
    sessionTimeoutMs: inRange('sessionTimeoutMs', options.sessionTimeoutMs ?? 45_000, 1, HOUR_MS),
    concurrency: inRange('concurrency', options.concurrency ?? 1, 1, 10_000),
    order: oneOf('order', options.order ?? 'key', ['key', 'partition']),
    handlerTimeoutMs: inRange(
      'handlerTimeoutMs',
      options.handlerTimeoutMs ?? handlerTimeoutMs,
      0,
      MAX_HANDLER_TIMEOUT_MS,
    ),
    commit: oneOf('commit', options.commit ?? 'auto', ['auto', 'manual']),
    autoCommitIntervalMs: inRange('autoCommitIntervalMs', options.autoCommitIntervalMs ?? 100, 0, HOUR_MS),
    maxInFlight: inRange('maxInFlight', options.maxInFlight ?? 1_000, 1, 1_000_000),
    retry: resolveRetry(options),
    deadLetter: resolveDeadLetter(options.deadLetter ?? true),
  };
  if (resolved.order === 'partition' && resolved.concurrency > 1) {
    throw new InvalidGroupError('order: partition allows one handler at a time; set concurrency to 1');
  }
  for (const topic of resolved.topics) resolved.deadLetter?.(topic);
  assertNoCircle(resolved, options.deadLetter);
  return resolved;
}

/** Rejects unknown options and missing mandatory ones. */
function assertComplete<T>(options: ConsumerGroupOptions<T>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(KNOWN, name)) continue;
    const allowed = Object.keys(KNOWN).join(', ');
    throw new InvalidGroupError(`consumer group option ${name} is unknown; allowed are ${allowed}`);
  }
  const { group, topics, handler, batchHandler } = options;
  assertGroupName(group);
  if (options.instanceId !== undefined) assertGroupName(options.instanceId, 'an instance id');
  if (!Array.isArray(topics) || topics.length === 0) {
    throw new InvalidGroupError(`consumer group ${group} subscribes to no topic; list at least one`);
  }
  if ((handler === undefined) === (batchHandler === undefined)) {
    throw new InvalidGroupError(`consumer group ${group} needs a handler or a batchHandler, and not both`);
  }
}

function resolveTopics(topics: readonly TopicPattern[]): Pick<ResolvedGroupOptions, 'topics' | 'patterns'> {
  const isPattern = (topic: TopicPattern) => topic instanceof RegExp || String(topic).includes('*');
  return {
    topics: [...new Set(topics.filter((topic) => !isPattern(topic)) as string[])],
    patterns: topics.filter(isPattern).map((topic) => (topic instanceof RegExp ? topic : wildcard(topic))),
  };
}

function wildcard(pattern: string): RegExp {
  const text = pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*');
  const notDeadLetters = pattern.endsWith('.dlq') ? '' : '(?!.*\\.dlq$)';
  return new RegExp(`^${notDeadLetters}${text}$`);
}

function resolveRetry({
  retry = {},
  retryBackoff,
}: Pick<ConsumerGroupOptions, 'retry' | 'retryBackoff'>): ResolvedRetryOptions {
  const given: RetryOptions = retry === false ? { attempts: 1 } : retry;
  for (const name of Object.keys(given)) {
    if (KNOWN_RETRY.has(name)) continue;
    throw new InvalidGroupError(`retry.${name} is unknown; allowed are ${[...KNOWN_RETRY].join(', ')}`);
  }
  if (retryBackoff !== undefined && (given.initialMs !== undefined || given.maxMs !== undefined)) {
    throw new InvalidGroupError('give the pauses either in retry or in retryBackoff');
  }
  const { attempts = 5, factor = 2, jitter = 0.2, retryIf } = given;
  const pauses = retryBackoff ?? given;
  const initialMs = inRange('retry.initialMs', pauses.initialMs ?? 100, 1, HOUR_MS);
  if (!(factor >= 1 && factor <= 100)) throw new InvalidGroupError('retry.factor must be from 1 to 100');
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidGroupError('retry.jitter must be from 0 to 1');
  return {
    attempts: countOrInfinity('retry.attempts', attempts),
    interruptions: countOrInfinity('retry.interruptions', given.interruptions ?? Math.max(3, attempts)),
    initialMs,
    maxMs: inRange('retry.maxMs', pauses.maxMs ?? Math.max(30_000, initialMs), initialMs, HOUR_MS),
    factor,
    jitter,
    ...(retryIf === undefined ? {} : { retryIf }),
  };
}

function resolveDeadLetter(
  option: NonNullable<ConsumerGroupOptions['deadLetter']>,
): ((topic: string) => string) | undefined {
  if (option === false) return undefined;
  const name = option === true ? undefined : typeof option === 'string' ? option : option.topic;
  return (topic) => {
    const to =
      name === undefined ? `${topic}.dlq` : typeof name === 'string' ? name : deadLetterOf(topic, name);
    assertUserTopicName(to);
    if (to !== topic) return to;
    throw new InvalidGroupError(`the dead letters of ${topic} cannot go to the topic itself`);
  };
}

function deadLetterOf(topic: string, name: (topic: string) => string): string {
  let to: unknown;
  try {
    to = name(topic);
  } catch (error) {
    throw new InvalidGroupError(
      `deadLetter.topic threw for topic ${topic}; fix the function: ${messageOf(error)}`,
    );
  }
  if (typeof to === 'string') return to;
  throw new InvalidGroupError(
    `deadLetter.topic returned ${String(to)} for topic ${topic}; it must return a topic name`,
  );
}

/** A group that consumes its own dead letters would retry a failing message for ever. */
function assertNoCircle(
  { group, topics, patterns }: ResolvedGroupOptions,
  deadLetter: ConsumerGroupOptions['deadLetter'],
): void {
  const name = typeof deadLetter === 'object' ? deadLetter.topic : deadLetter;
  if (typeof name !== 'string') return;
  if (!topics.includes(name) && !patterns.some((pattern) => name.search(pattern) >= 0)) return;
  throw new InvalidGroupError(
    `consumer group ${group} would consume its own dead letters in ${name}; name another topic, or narrow what it subscribes to`,
  );
}

function startFrom(from: unknown): StartFrom {
  const { offset, timestamp } = (from ?? {}) as { offset?: unknown; timestamp?: unknown };
  const isPlace = Number.isSafeInteger(offset) !== Number.isSafeInteger(timestamp);
  if (from === 'earliest' || from === 'latest' || isPlace) return from as StartFrom;
  throw new InvalidGroupError('from must be earliest, latest, { offset } or { timestamp }');
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw new InvalidGroupError(`${name} must be ${allowed.join(' or ')}, not ${String(value)}`);
}

function countOrInfinity(name: string, value: number): number {
  return value === Infinity ? value : inRange(name, value, 1, 1_000_000);
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidGroupError(
    `${name} must be a whole number from ${least} to ${most}, not ${String(value)}`,
  );
}
