import { assertTopicName } from '@genrocks/storage';
import { Allow, IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';
import { PublishingConfig } from './publishing.config.js';

/** Largest number of partitions of a topic. */
export const MAX_PARTITIONS = 10_000;

/** One item of `topics`: a topic that is created on start if it is missing. */
export class TopicConfig extends PublishingConfig {
  /** Name of the topic: 1 to 249 characters; a `/` creates a directory. */
  @IsTopicName()
  name!: string;

  /** Number of partitions. Default: `default_partitions`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  partitions?: number;

  /** `adapter`, and settings of that adapter for this topic only. Checked against the adapter's own options. */
  @IsOptional()
  @Allow()
  storage?: Record<string, unknown>;
}

/** Accepts the names that `assertTopicName` accepts; the message says why a name is invalid. */
function IsTopicName(): PropertyDecorator {
  return ValidateBy({
    name: 'isTopicName',
    validator: {
      validate: (value) => reasonAgainst(value) === undefined,
      defaultMessage: (args) => reasonAgainst(args?.value) ?? '',
    },
  });
}

function reasonAgainst(name: unknown): string | undefined {
  try {
    assertTopicName(name);
  } catch (error) {
    const { message } = error as Error;
    return message.replace(/^topic name .* is not allowed: /, '');
  }
  return typeof name === 'string' && name.startsWith('__')
    ? 'names that start with "__" are reserved'
    : undefined;
}
