import { toSnakeCase } from '@genrocks/storage/config';
import type { PartitionDescription, PartitionInfo, TopicDescription, TopicInfo } from '@genrocks/topics';
import type { DedupDto, PartitionDto, TopicDto } from './topics.dto.js';

/** Formats a topic for an answer. */
export function viewTopic(topic: TopicDescription | TopicInfo): TopicDto {
  return {
    name: topic.name,
    id: topic.id,
    state: topic.state,
    adapter: topic.adapter,
    durable: topic.durable,
    routing: topic.routing,
    compression: topic.compression,
    linger_ms: topic.lingerMs,
    ...(topic.dedup === undefined ? {} : { dedup: viewDedup(topic) }),
    settings: snakeKeys(topic.settings) as Record<string, unknown>,
    partition_count: topic.partitionCount,
    created_at: topic.createdAt,
    partitions: topic.partitions.map(viewPartition),
  };
}

function viewDedup(topic: TopicDescription | TopicInfo): DedupDto {
  const { windowMs, maxIds } = topic.dedup!;
  const known = 'ids' in topic ? topic.ids : undefined;
  return {
    window_ms: windowMs,
    max_ids: maxIds,
    ...(known === undefined ? {} : { ids: known.ids, forgotten: known.forgotten }),
  };
}

function viewPartition(partition: PartitionDescription | PartitionInfo): PartitionDto {
  const store = 'store' in partition ? partition.store : undefined;
  return {
    partition: partition.partition,
    state: partition.state,
    start_offset: partition.startOffset,
    end_offset: partition.endOffset,
    ...(partition.error === undefined ? {} : { error: partition.error }),
    ...(store === undefined
      ? {}
      : {
          bytes: store.bytes,
          items: store.items,
          storage: snakeKeys(store.details) as Record<string, unknown>,
        }),
  };
}

/** Converts the names in an adapter's own information from camelCase to snake_case. */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [toSnakeCase(key), snakeKeys(item)]));
}
