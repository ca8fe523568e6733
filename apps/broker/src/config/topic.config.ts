import { assertTopicName } from '@genrocks/storage';
import { Allow, IsIn, IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';

/** Most partitions a topic may have. */
export const MAX_PARTITIONS = 10_000;

/** Ways to choose a partition that have a name; functions exist in code only. */
export const ROUTINGS = ['key_hash', 'round_robin'] as const;
export type Routing = (typeof ROUTINGS)[number];

/** One item of `topics`: a topic that is created on start when it is missing. */
export class TopicConfig {
  @IsTopicName()
  name!: string;

  /** Default: `default_partitions`. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  partitions?: number;

  /** How messages without a partition find one. Default `key_hash`. */
  @IsOptional()
  @IsIn(ROUTINGS)
  routing?: Routing;

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
