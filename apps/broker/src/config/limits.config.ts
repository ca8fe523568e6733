import { IsSize } from '@genrocks/storage/config';
import { IsInt, Max, Min } from 'class-validator';

const KB = 1024;
const MB = 1024 * KB;

/** `limits`: bounds of memory and counts, for HTTP and Kafka clients alike. Sizes in bytes. */
export class LimitsConfig {
  /** Largest message: key, value and headers. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxMessageBytes = MB;

  /** Waiting messages are packed into record batches up to this size. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxBatchBytes = MB;

  /** Messages waiting to be stored, all partitions together. */
  @IsSize({ min: 64 * KB })
  maxPendingBytes = 128 * MB;

  /** Cache for the newest messages, all partitions together; 0 turns it off. */
  @IsSize()
  tailCacheBytes = 64 * MB;

  /** Maximum number of topics. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxTopics = 10_000;

  /** Maximum number of partitions of one topic. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxPartitionsPerTopic = 1024;

  /** Maximum number of consumer groups. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxGroups = 10_000;

  /** Maximum number of members of one consumer group. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxGroupMembers = 1_000;
}
