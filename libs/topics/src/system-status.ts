import type { GroupSummary } from './groups/group.types.js';
import type { TopicsAdapters } from './options.js';
import type { PublishBudget } from './partition/publish-budget.js';
import type { TailCache } from './partition/tail-cache.js';
import type { SystemStatus, UnregisteredStore } from './status.types.js';
import type { Topic } from './topic.js';
import type { PublishCounters, TopicInfo } from './topic.types.js';

interface Sources {
  /** As `performance.now()`. */
  readonly startedAt: number;
  readonly adapters: TopicsAdapters;
  readonly topics: readonly Topic[];
  readonly groups: readonly GroupSummary[];
  readonly unregistered: readonly UnregisteredStore[];
  readonly cache: TailCache;
  readonly budget: PublishBudget;
}

export async function systemStatus(sources: Sources): Promise<SystemStatus> {
  const { adapters, cache, budget } = sources;
  const topics = await Promise.all(sources.topics.map((topic) => topic.info()));
  return {
    uptimeMs: Math.round(performance.now() - sources.startedAt),
    adapters: adapters.all.map((adapter) => ({
      name: adapter.name,
      default: adapter === adapters.default,
      supports: adapter.supports,
    })),
    topics,
    partitionCount: topics.reduce((sum, topic) => sum + topic.partitionCount, 0),
    groups: sources.groups,
    unregistered: sources.unregistered,
    published: totalPublished(topics),
    memory: {
      tailCacheBytes: cache.bytes,
      tailCacheLimit: cache.limit,
      pendingBytes: budget.bytes,
      pendingLimit: budget.limit,
    },
  };
}

function totalPublished(topics: readonly TopicInfo[]): PublishCounters {
  const total = { messages: 0, batches: 0, bytes: 0, failed: 0 };
  for (const { partitions } of topics) {
    for (const { published } of partitions) {
      for (const field of ['messages', 'batches', 'bytes', 'failed'] as const)
        total[field] += published[field];
    }
  }
  return total;
}
