import { InvalidArgumentError, InvalidTopicNameError } from './errors.js';

/** Longest topic name, in characters. Kafka has the same limit, so every name is valid there too. */
export const MAX_TOPIC_NAME_LENGTH = 249;

/** Highest partition number; the first is 0. */
export const MAX_PARTITION = 999_999;

const SEGMENT = /^[A-Za-z0-9._-]+$/;
const PARTITION_DIRECTORY = /^partition_\d+$/i;

/**
 * Checks that a topic name is safe for every adapter: letters, digits, `.`, `_` and `-`, in segments separated by `/`
 * (`shop/orders`). File-based adapters turn segments into directories. So a segment must not be `.` or `..`, which could
 * leave the base directory, nor look like the directory of a partition, which would put one topic inside another.
 *
 * @throws {InvalidTopicNameError} `INVALID_TOPIC_NAME` if it is not
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

/**
 * Checks a partition number: a whole number from 0 to {@link MAX_PARTITION}.
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` if it is not
 */
export function assertPartition(partition: unknown): asserts partition is number {
  if (!Number.isInteger(partition) || (partition as number) < 0 || (partition as number) > MAX_PARTITION) {
    throw new InvalidArgumentError(
      `partition must be a whole number from 0 to ${MAX_PARTITION}, not ${String(partition)}`,
    );
  }
}
