import { ApiPropertyOptional } from '../docs/api.decorators.js';
import { InvalidConfigError } from '@genrocks/storage';
import { checkOptions } from '@genrocks/storage/config';
import { Allow, IsIn, IsInt, IsOptional, Max, Min } from 'class-validator';
import type { TopicOptions } from '@genrocks/topics';

/** Routings that have a name; routing functions exist in code only. */
export const ROUTINGS = ['key_hash', 'consistent_hash', 'round_robin', 'sticky'] as const;
export type Routing = (typeof ROUTINGS)[number];

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** Publishing options of a topic, with the keys of YAML and JSON. */
export class PublishingConfig {
  /** How a partition is chosen for messages that name none. Default `key_hash`. */
  @ApiPropertyOptional({ enum: ROUTINGS, default: 'key_hash' })
  @IsOptional()
  @IsIn(ROUTINGS)
  routing?: Routing;

  /** Compression of batches of messages published over HTTP. Default `none`. */
  @ApiPropertyOptional({ enum: COMPRESSIONS, default: 'none' })
  @IsOptional()
  @IsIn(COMPRESSIONS)
  compression?: (typeof COMPRESSIONS)[number];

  /** How long a batch waits for more messages, in milliseconds. Default 0. */
  @ApiPropertyOptional({
    name: 'linger_ms',
    minimum: 0,
    maximum: 60_000,
    default: 0,
    description: 'How long a batch waits for more messages, in milliseconds',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60_000)
  lingerMs?: number;

  /** Window in which a message `id` is stored only once: `window_ms`, `max_ids`; false turns it off. Default: none. */
  @ApiPropertyOptional({
    oneOf: [
      {
        type: 'object',
        properties: { window_ms: { type: 'integer', default: 120_000 }, max_ids: { type: 'integer' } },
        additionalProperties: false,
      },
      { type: 'boolean', enum: [false] },
    ],
    example: { window_ms: 120_000, max_ids: 100_000 },
    description: 'Window in which a message id is stored only once; false turns it off',
  })
  @IsOptional()
  @Allow()
  dedup?: unknown;
}

/** The checked dedup window of a topic. */
class DedupConfig {
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(30 * 24 * 60 * 60 * 1000)
  windowMs?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  maxIds?: number;
}

/**
 * Converts publishing options to the options of TopicsModule.
 * @param where location for messages, such as `topics[0]`; empty for a request body
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake
 */
export function toPublishingOptions(
  { routing, compression, lingerMs, dedup }: PublishingConfig,
  where: string,
): Pick<TopicOptions, 'routing' | 'compression' | 'lingerMs' | 'dedup'> {
  return {
    ...(routing === undefined ? {} : { routing }),
    ...(compression === undefined ? {} : { compression }),
    ...(lingerMs === undefined ? {} : { lingerMs }),
    ...(dedup === undefined || dedup === null ? {} : { dedup: toDedup(dedup, where) }),
  };
}

function toDedup(tree: unknown, where: string): NonNullable<TopicOptions['dedup']> {
  const place = where === '' ? 'dedup' : `${where}.dedup`;
  if (tree === false) return false;
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    throw new InvalidConfigError([
      `${place}: ${JSON.stringify(tree)} is not allowed; window_ms and max_ids, or false`,
    ]);
  }
  const { windowMs, maxIds } = checkOptions(DedupConfig, tree, { where: place, naming: 'snake' });
  return { ...(windowMs === undefined ? {} : { windowMs }), ...(maxIds === undefined ? {} : { maxIds }) };
}
