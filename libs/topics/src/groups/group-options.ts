import { InvalidGroupError } from '../errors.js';
import type { BatchHandler, ConsumerGroupOptions, MessageHandler } from './group.types.js';

export const MAX_GROUP_NAME_LENGTH = 255;
export const MAX_OFFSET_METADATA_BYTES = 4096;

/** Options of a group with everything filled in. @internal */
export interface ResolvedGroupOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly handler: MessageHandler | undefined;
  readonly batchHandler: BatchHandler | undefined;
  readonly batchSize: number;
  readonly from: 'earliest' | 'latest';
  readonly autoCommitIntervalMs: number;
  readonly maxInFlight: number;
  readonly retryBackoff: { readonly initialMs: number; readonly maxMs: number };
}

const KNOWN = new Set([
  'group',
  'topics',
  'handler',
  'batchHandler',
  'batchSize',
  'from',
  'autoCommitIntervalMs',
  'maxInFlight',
  'retryBackoff',
]);

/** @throws {InvalidGroupError} `INVALID_GROUP` */
export function resolveGroupOptions<T>(options: ConsumerGroupOptions<T>): ResolvedGroupOptions {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new InvalidGroupError(`consumer group option ${name} is unknown`);
  }
  const { group, topics, handler, batchHandler, from = 'earliest', retryBackoff = {} } = options;
  assertGroupName(group);
  if (!Array.isArray(topics) || topics.length === 0) {
    throw new InvalidGroupError(`consumer group ${group} subscribes to no topic; list at least one`);
  }
  if ((handler === undefined) === (batchHandler === undefined)) {
    throw new InvalidGroupError(`consumer group ${group} needs a handler or a batchHandler, and not both`);
  }
  if (from !== 'earliest' && from !== 'latest') {
    throw new InvalidGroupError(`from must be earliest or latest, not ${String(from)}`);
  }
  const initialMs = inRange('retryBackoff.initialMs', retryBackoff.initialMs ?? 100, 1, 3_600_000);
  return {
    group,
    topics: [...new Set<string>(topics)],
    handler: handler as MessageHandler | undefined,
    batchHandler: batchHandler as BatchHandler | undefined,
    batchSize: inRange('batchSize', options.batchSize ?? 100, 1, 100_000),
    from,
    autoCommitIntervalMs: inRange('autoCommitIntervalMs', options.autoCommitIntervalMs ?? 100, 0, 3_600_000),
    maxInFlight: inRange('maxInFlight', options.maxInFlight ?? 1_000, 1, 1_000_000),
    retryBackoff: {
      initialMs,
      maxMs: inRange('retryBackoff.maxMs', retryBackoff.maxMs ?? 30_000, initialMs, 3_600_000),
    },
  };
}

/** @throws {InvalidGroupError} `INVALID_GROUP` */
export function assertGroupName(group: unknown): asserts group is string {
  if (typeof group !== 'string' || group.length === 0 || group.length > MAX_GROUP_NAME_LENGTH) {
    throw new InvalidGroupError(`a group name must have 1 to ${MAX_GROUP_NAME_LENGTH} characters`);
  }
  // A NUL separates the parts of a stored key; other control characters only ever come by mistake.
  for (let i = 0; i < group.length; i++) {
    if (group.charCodeAt(i) < 0x20 || group.charCodeAt(i) === 0x7f) {
      throw new InvalidGroupError('a group name must not contain control characters');
    }
  }
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidGroupError(
    `${name} must be a whole number from ${least} to ${most}, not ${String(value)}`,
  );
}
