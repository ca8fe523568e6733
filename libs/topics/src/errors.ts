import { GenRocksError } from '@genrocks/storage';
import { raise } from './raise.js';
import type { SchemaIssue } from './schema/topic-schema.js';

/** How many issues the message of an error names, and how many its details list. */
const MAX_ISSUES_TOLD = 10;
const MAX_ISSUES = 100;

/** Base class of all errors of topics, partitions and groups. Storage errors pass through unchanged. */
export class TopicsError extends GenRocksError {}

/** `TOPIC_NOT_FOUND`: the topic does not exist and may not be created by this call. */
export class TopicNotFoundError extends TopicsError {
  constructor(topic: string) {
    super(
      'TOPIC_NOT_FOUND',
      `there is no topic ${quote(topic)}; create it (startTopic, or "genrocks topic create"), or list it under topics in the options`,
      false,
      { details: { topic } },
    );
  }
}

/** `TOPIC_EXISTS`: the topic exists, and differs from what was requested. */
export class TopicExistsError extends TopicsError {
  constructor(topic: string, reason: string) {
    super('TOPIC_EXISTS', `topic ${quote(topic)} exists already: ${reason}`, false, { details: { topic } });
  }
}

/** `TOPIC_STOPPED`: the topic was stopped, is not open yet, or the service is shutting down. */
export class TopicStoppedError extends TopicsError {
  constructor(topic: string, state: string = 'stopped') {
    super(
      'TOPIC_STOPPED',
      `topic ${quote(topic)} is ${state}; start it with startTopic, unless the application is closing`,
      false,
      {
        details: { topic, state },
      },
    );
  }
}

/** `RESERVED_TOPIC_NAME`: names that start with `__` belong to GenRocks itself. */
export class ReservedTopicNameError extends TopicsError {
  constructor(topic: string) {
    super('RESERVED_TOPIC_NAME', `topic name ${quote(topic)} is reserved: names must not start with "__"`);
  }
}

/** `PARTITION_NOT_FOUND`: the topic has no partition of this number. */
export class PartitionNotFoundError extends TopicsError {
  constructor(topic: string, partition: unknown, count: number) {
    super(
      'PARTITION_NOT_FOUND',
      `topic ${quote(topic)} has no partition ${String(partition)}; it has ${count}, numbered from 0`,
      false,
      { details: { topic, partition: Number(partition), partitions: count } },
    );
  }
}

/** `PARTITION_UNAVAILABLE`: the partition's store could not be opened. The cause says why. */
export class PartitionUnavailableError extends TopicsError {
  constructor(topic: string, partition: number, cause: unknown) {
    super(
      'PARTITION_UNAVAILABLE',
      `partition ${partition} of topic ${quote(topic)} is not available: ${messageOf(cause)}; ` +
        'fix the cause, then stop and start the topic',
      false,
      { cause, details: { topic, partition } },
    );
  }
}

/** `OFFSET_OUT_OF_RANGE`: the offset is below the first record kept or past the end. `details` has both bounds. */
export class OffsetOutOfRangeError extends TopicsError {
  constructor(topic: string, partition: number, offset: number, startOffset: number, endOffset: number) {
    super(
      'OFFSET_OUT_OF_RANGE',
      `offset ${offset} of ${quote(topic)}/${partition} is out of range; ` +
        `read from ${startOffset} (earliest) to ${endOffset} (end)`,
      false,
      { details: { topic, partition, offset, startOffset, endOffset } },
    );
  }
}

/** `MESSAGE_TOO_LARGE`: a message or a record batch exceeds its limit. */
export class MessageTooLargeError extends TopicsError {
  /** @param option the option to raise; undefined if the limit is the store's own */
  constructor(what: string, bytes: number, limit: number, option?: string) {
    super(
      'MESSAGE_TOO_LARGE',
      `${what} has ${bytes} bytes, the limit is ${limit}; send a reference to the data` +
        (option === undefined ? '; the store accepts nothing larger' : `, or ${raise(option)}`),
      false,
      { details: { bytes, limit } },
    );
  }
}

/** `INVALID_MESSAGE`: a message has a field of a wrong type or value. */
export class InvalidMessageError extends TopicsError {
  constructor(reason: string) {
    super('INVALID_MESSAGE', `the message cannot be published: ${reason}`);
  }
}

/** `SCHEMA_VIOLATION`: a value does not fit the schema of its topic. `details.issues` lists what is wrong. */
export class SchemaViolationError extends TopicsError {
  constructor(
    topic: string,
    readonly issues: readonly SchemaIssue[],
  ) {
    const some = issues.slice(0, MAX_ISSUES_TOLD);
    const told = some.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    const more = issues.length > some.length ? `; and ${issues.length - some.length} more` : '';
    super(
      'SCHEMA_VIOLATION',
      `the value does not fit the schema of topic ${quote(topic)}: ${told.join('; ')}${more}`,
      false,
      { details: { topic, issues: issues.slice(0, MAX_ISSUES) } },
    );
  }
}

/** `BACKPRESSURE`: more bytes wait to be stored than the options allow. Await earlier publishes, then retry. */
export class BackpressureError extends TopicsError {
  constructor(topic: string, partition: number, bytes: number, limit: number) {
    super(
      'BACKPRESSURE',
      `${bytes} bytes wait to be stored in ${quote(topic)}/${partition}, the limit is ${limit}; ` +
        `await earlier publishes, then try again, or ${raise('maxPendingBytes')}`,
      true,
      { details: { topic, partition, bytes, limit } },
    );
  }
}

/** `BACKPRESSURE`: too many repeats of message ids wait for the first message to be stored. Retry later. */
export class DuplicatesWaitingError extends TopicsError {
  constructor(topic: string, limit: number) {
    super(
      'BACKPRESSURE',
      `${limit} publishes to ${quote(topic)} wait for another one with their id to be stored; try again later`,
      true,
      { details: { topic, limit } },
    );
  }
}

/** `PARTIALLY_PUBLISHED`: a publishBatch call was stored in some partitions and failed in others (the cause). */
export class PartiallyPublishedError extends TopicsError {
  constructor(
    /** By position in the call: the result of a stored message, undefined for one that was not stored. */
    readonly results: readonly (
      { topic: string; partition: number; offset: number; timestamp: number } | undefined
    )[],
    cause: unknown,
  ) {
    const stored = results.reduce((sum, result) => sum + (result === undefined ? 0 : 1), 0);
    super(
      'PARTIALLY_PUBLISHED',
      `${stored} of ${results.length} messages were stored, the rest failed: ${messageOf(cause)}; ` +
        'publish again those without an entry in results',
      false,
      { cause, details: { stored, total: results.length } },
    );
  }
}

/** `CORRUPT_BATCH`: bytes are not a record batch of version 2, or fail its checks. */
export class CorruptBatchError extends TopicsError {
  constructor(reason: string, details: Record<string, unknown> = {}) {
    super('CORRUPT_BATCH', `not a valid record batch: ${reason}`, false, { details });
  }
}

/** `UNSUPPORTED_COMPRESSION`: the package for a compression codec is not installed, or does not load. */
export class UnsupportedCompressionError extends TopicsError {
  /** @param reason why the installed package does not load */
  constructor(codec: string, packageName: string, reason?: string) {
    super(
      'UNSUPPORTED_COMPRESSION',
      reason === undefined
        ? `records compressed with ${codec} need a package that is not installed: npm install ${packageName}`
        : `records compressed with ${codec} need the package ${packageName}, which does not load: ${reason}`,
      false,
      { details: { codec, package: packageName } },
    );
  }
}

/** `ADAPTER_NOT_FOUND`: no storage adapter of this name is plugged in. */
export class AdapterNotFoundError extends TopicsError {
  constructor(adapter: string, known: readonly string[]) {
    super(
      'ADAPTER_NOT_FOUND',
      `no storage adapter named ${quote(adapter)} is plugged in (available: ${known.join(', ')}); ` +
        'add its module to storage or adapters of TopicsModule',
      false,
      { details: { adapter, known } },
    );
  }
}

/** `GROUP_NOT_FOUND`: no consumer group of this name has members or committed offsets. */
export class GroupNotFoundError extends TopicsError {
  constructor(group: string) {
    super(
      'GROUP_NOT_FOUND',
      `consumer group ${quote(group)} has neither members nor committed offsets; check its name, or start it first`,
      false,
      { details: { group } },
    );
  }
}

/** `GROUP_NOT_EMPTY`: the group has running members; stop them first. */
export class GroupNotEmptyError extends TopicsError {
  constructor(group: string, members: number) {
    super(
      'GROUP_NOT_EMPTY',
      `consumer group ${quote(group)} has ${members} running member(s); stop them first`,
      false,
      { details: { group, members } },
    );
  }
}

/** `INVALID_GROUP`: a group name or option that is not allowed. */
export class InvalidGroupError extends TopicsError {
  constructor(reason: string) {
    super('INVALID_GROUP', reason);
  }
}

/** `LIMIT_REACHED`: one more topic, partition or group would exceed a limit of the options. */
export class LimitReachedError extends TopicsError {
  /**
   * @param what the beginning of the message: what would exceed the limit
   * @param option the option to raise; undefined if the limit is fixed
   */
  constructor(what: string, limit: number, remedy: string, option?: string) {
    const remedies = option === undefined ? remedy : `${remedy}, or ${raise(option)}`;
    super('LIMIT_REACHED', `${what}, the limit is ${limit}; ${remedies}`, false, {
      details: { ...(option === undefined ? {} : { option }), limit },
    });
  }
}

/** `SERVICE_STOPPED`: the topics service has not started yet or is shutting down. */
export class ServiceStoppedError extends TopicsError {
  constructor(reason: string) {
    super('SERVICE_STOPPED', reason, true);
  }
}

const UNKNOWN = 'an error that cannot be shown';

/**
 * The message of any thrown value. Never throws: handlers may throw anything, and an odd value must not stop the retry or
 * the dead letter of a message.
 */
export function messageOf(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null) return String(error);
    // Errors of other realms (workers, test runners) are not instances of Error, but have messages.
    const { message } = error as Partial<Error>;
    if (message !== undefined) return [String(message), ...refusalsOf(error)].join('; ');
    const text: unknown = JSON.stringify(error);
    return typeof text === 'string' ? text : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

/**
 * The findings of a ValidationPipe, which are in the response of its exception. Its message alone is "Bad Request
 * Exception", which does not explain a dead letter.
 */
function refusalsOf(error: { getResponse?: unknown }): string[] {
  if (typeof error.getResponse !== 'function') return [];
  const response = (error as { getResponse(): { message?: unknown } | null }).getResponse();
  return Array.isArray(response?.message) ? response.message.map(String) : [];
}

function quote(name: string): string {
  const text = JSON.stringify(String(name));
  return text.length > 80 ? `${text.slice(0, 77)}..."` : text;
}
