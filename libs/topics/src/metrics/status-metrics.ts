import type { Counter, Gauge } from 'prom-client';
import type { GroupDescription, GroupState } from '../groups/group.types.js';
import type { SystemStatus } from '../status.types.js';
import type { PartitionInfo } from '../topic.types.js';
import type { TopicsService } from '../topics.service.js';
import { type LabelBudget, OTHERS } from './label-budget.js';
import type { MetricFactory } from './metric-factory.js';

const PARTITION = ['topic', 'partition'] as const;
const STATES: readonly GroupState[] = ['empty', 'rebalancing', 'stable'];

/** The gauges and counters that are read at a scrape. */
function statusMetrics(of: MetricFactory) {
  return {
    topics: of.gauge('topics', 'Number of topics, stopped ones included'),
    partitions: of.gauge('partitions', 'Partitions of running topics, by state', ['state']),
    published: of.total('messages_published_total', 'Messages stored, from all publishers', ['topic']),
    publishedBytes: of.total('bytes_published_total', 'Bytes of record batches stored', ['topic']),
    publishFailures: of.total('publish_failures_total', 'Messages that could not be stored', ['topic']),
    readBatches: of.total('batches_read_total', 'Record batches read, by all kinds of readers', ['topic']),
    readBytes: of.total('bytes_read_total', 'Bytes of record batches read, by all kinds of readers', [
      'topic',
    ]),
    cacheReads: of.total(
      'tail_cache_reads_total',
      'Reads served from the tail cache (hit) or from storage (miss)',
      ['result'],
    ),
    bytes: of.gauge(
      'storage_bytes',
      'Bytes used: on disk, or in memory if the adapter keeps nothing on disk',
      [...PARTITION, 'adapter'],
    ),
    files: of.gauge('storage_files', 'Files of a partition', PARTITION),
    items: of.gauge('storage_items', 'Entries (record batches) stored', PARTITION),
    recovery: of.gauge('storage_recovery_seconds', 'Duration of the last recovery of a partition', PARTITION),
    endOffset: of.gauge('partition_end_offset', 'Offset of the next message', PARTITION),
    backlog: of.gauge('partition_backlog', 'Offsets from the earliest message kept to the end', PARTITION),
    lag: of.gauge('group_lag', 'Messages a consumer group has not committed yet', ['group', ...PARTITION]),
    groupState: of.gauge('group_state', 'State of a consumer group: 1 for the current state', [
      'group',
      'state',
    ]),
    groupMembers: of.gauge('group_members', 'Members of a consumer group', ['group']),
    groupGeneration: of.gauge('group_generation', 'Generation of a consumer group; rebalances raise it', [
      'group',
    ]),
    pendingBytes: of.gauge('publish_pending_bytes', 'Bytes of messages waiting to be stored'),
    pendingLimit: of.gauge('publish_pending_limit_bytes', 'Bytes that may wait before publishers must wait'),
    tailCacheBytes: of.gauge('tail_cache_bytes', 'Memory used by the tail cache'),
    tailCacheLimit: of.gauge('tail_cache_limit_bytes', 'Memory limit of the tail cache'),
  };
}

/** Metrics that are read at a scrape instead of counted by events. */
export class StatusMetrics {
  private readonly metrics: ReturnType<typeof statusMetrics>;

  /** @param partitionSeries with more partitions than this, their metrics are summed by topic */
  constructor(
    factory: MetricFactory,
    private readonly topicLabels: LabelBudget,
    private readonly groupLabels: LabelBudget,
    private readonly partitionSeries: number,
  ) {
    this.metrics = statusMetrics(factory);
  }

  async refresh(topics: TopicsService): Promise<void> {
    const status = await topics.systemStatus();
    // A group may have been deleted since it was listed.
    const describe = (group: string) => topics.groups.describe(group).catch(() => undefined);
    const groups = await Promise.all(status.groups.map(({ group }) => describe(group)));
    // No awaits from here on, so that no scrape sees half of the values.
    for (const metric of Object.values(this.metrics) as (Counter | Gauge)[]) metric.reset();
    this.topicLabels.retain(status.topics.map(({ name }) => name));
    this.groupLabels.retain(status.groups.map(({ group }) => group));
    this.setTopics(status);
    this.setMemory(status);
    this.setGroups(groups.filter((group) => group !== undefined));
  }

  private setTopics({ topics, partitionCount }: SystemStatus): void {
    const { metrics } = this;
    metrics.topics.set(topics.length);
    const single = partitionCount <= this.partitionSeries;
    for (const { name, adapter, partitions } of topics) {
      const topic = this.topicLabels.label(name);
      for (const info of partitions) {
        const { published, read, state } = info;
        metrics.partitions.inc({ state });
        metrics.published.inc({ topic }, published.messages);
        metrics.publishedBytes.inc({ topic }, published.bytes);
        metrics.publishFailures.inc({ topic }, published.failed);
        metrics.readBatches.inc({ topic }, read.batches);
        metrics.readBytes.inc({ topic }, read.bytes);
        metrics.cacheReads.inc({ result: 'hit' }, read.cacheHits);
        metrics.cacheReads.inc({ result: 'miss' }, read.cacheMisses);
        const partition = single && topic !== OTHERS ? String(info.partition) : 'all';
        this.addPartition({ topic, partition }, adapter, info);
      }
    }
  }

  private addPartition(
    labels: { topic: string; partition: string },
    adapter: string,
    { store, endOffset, backlog }: PartitionInfo,
  ): void {
    const { metrics } = this;
    metrics.endOffset.inc(labels, endOffset);
    metrics.backlog.inc(labels, backlog);
    if (store === undefined) return;
    metrics.bytes.inc({ ...labels, adapter }, store.bytes);
    metrics.items.inc(labels, store.items);
    const { files, last_recovery: recovery } = store.details as {
      files?: unknown;
      last_recovery?: { ms?: unknown };
    };
    if (typeof files === 'number') metrics.files.inc(labels, files);
    if (typeof recovery?.ms === 'number') metrics.recovery.inc(labels, recovery.ms / 1000);
  }

  private setMemory({ memory }: SystemStatus): void {
    this.metrics.pendingBytes.set(memory.pendingBytes);
    this.metrics.pendingLimit.set(memory.pendingLimit);
    this.metrics.tailCacheBytes.set(memory.tailCacheBytes);
    this.metrics.tailCacheLimit.set(memory.tailCacheLimit);
  }

  private setGroups(groups: readonly GroupDescription[]): void {
    const { metrics } = this;
    const places = groups.reduce((sum, { offsets }) => sum + offsets.length, 0);
    for (const { group: name, state, members, generation, offsets } of groups) {
      const group = this.groupLabels.label(name);
      metrics.groupMembers.inc({ group }, members.length);
      for (const one of STATES) metrics.groupState.inc({ group, state: one }, one === state ? 1 : 0);
      if (group !== OTHERS) metrics.groupGeneration.set({ group }, generation);
      for (const { topic: of, partition, lag } of offsets) {
        const topic = this.topicLabels.label(of);
        const single = places <= this.partitionSeries && group !== OTHERS && topic !== OTHERS;
        metrics.lag.inc({ group, topic, partition: single ? String(partition) : 'all' }, lag);
      }
    }
  }
}
