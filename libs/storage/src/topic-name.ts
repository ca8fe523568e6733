import { InvalidArgumentError, InvalidTopicNameError } from './errors.js';

/** Longest topic name, in characters; the limit Kafka has, so that every name of ours fits there too. */
export const MAX_TOPIC_NAME_LENGTH = 249;

/** Partitions are numbered 0 to this. */
export const MAX_PARTITION = 999_999;

const SEGMENT = /^[A-Za-z0-9._-]+$/;
const PARTITION_DIRECTORY = /^partition_\d+$/i;

/**
 * Checks that a topic name is safe for every adapter: letters, digits, `.`, `_` and `-`, in segments that `/` may
 * separate (`shop/orders`). File-based adapters turn segments into directories, so a name can never leave its base
 * directory, and no segment may look like a partition's directory, which would put one topic inside another.
 *
 * @throws {InvalidTopicNameError} `INVALID_TOPIC_NAME`
 */
export function assertTopicName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new InvalidTopicNameError(name, 'it must be a string');
  if (name.length === 0) throw new InvalidTopicNameError(name, 'it is empty');
  if (name.length > MAX_TOPIC_NAME_LENGTH) {
    throw new InvalidTopicNameError(
      name,
      `it has ${name.length} characters, at most ${MAX_TOPIC_NAME_LENGTH} are allowed`,
    );
  }
  for (const segment of name.split('/')) {
    if (segment === '')
      throw new InvalidTopicNameError(name, 'it has an empty segment before or after a "/"');
    if (segment === '.' || segment === '..')
      throw new InvalidTopicNameError(name, '"." and ".." are not names');
    if (!SEGMENT.test(segment)) {
      throw new InvalidTopicNameError(
        name,
        'only letters, digits, ".", "_", "-", and "/" between segments are allowed',
      );
    }
    if (PARTITION_DIRECTORY.test(segment)) {
      throw new InvalidTopicNameError(name, 'a segment "partition_<number>" is reserved for partitions');
    }
  }
}

/** Checks a partition number: a whole number from 0 to {@link MAX_PARTITION}. Throws `INVALID_ARGUMENT`. */
export function assertPartition(partition: unknown): asserts partition is number {
  if (!Number.isInteger(partition) || (partition as number) < 0 || (partition as number) > MAX_PARTITION) {
    throw new InvalidArgumentError(
      `partition must be a whole number from 0 to ${MAX_PARTITION}, not ${String(partition)}`,
    );
  }
}
