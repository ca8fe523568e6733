import { IsSize } from '@genrocks/storage/config';
import { IsInt, Max, Min } from 'class-validator';

const KB = 1024;
const MB = 1024 * KB;

/** `limits`: what bounds memory and numbers, whatever the way in. Sizes in bytes. */
export class LimitsConfig {
  /** Largest message: key, value and headers. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxMessageBytes = MB;

  /** Waiting messages are packed into record batches up to this size. */
  @IsSize({ min: KB, max: 1024 * MB })
  maxBatchBytes = MB;

  /** Messages that wait to be stored, all partitions together. */
  @IsSize({ min: 64 * KB })
  maxPendingBytes = 128 * MB;

  /** Memory for the newest messages, all partitions together; 0 turns the cache off. */
  @IsSize()
  tailCacheBytes = 64 * MB;

  /** Topics there may be. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxTopics = 10_000;

  /** Partitions one topic may have. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxPartitionsPerTopic = 1024;

  /** Consumer groups there may be. */
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  maxGroups = 10_000;

  /** Members one consumer group may have. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  maxGroupMembers = 1_000;
}
