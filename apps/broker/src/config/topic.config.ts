import { assertTopicName } from '@genrocks/storage';
import { Allow, IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';
import { PublishingConfig } from './publishing.config.js';

/** Most partitions a topic may have. */
export const MAX_PARTITIONS = 10_000;

/** One item of `topics`: a topic that is created on start when it is missing. */
export class TopicConfig extends PublishingConfig {
  /** 1 to 249 characters; a `/` makes a directory. */
  @IsTopicName()
  name!: string;

  /** Default: `default_partitions`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  partitions?: number;

  /** `adapter`, and settings of that adapter for this topic alone. Checked against the adapter's own options. */
  @IsOptional()
  @Allow()
  storage?: Record<string, unknown>;
}

/** A name that `assertTopicName` takes; the message says why it does not. */
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
