import type { StoreEvent } from '@genrocks/storage';
import type { PartitionInfo, SystemStatus, TopicsService } from '@genrocks/topics';
import { Counter, Gauge, type Registry } from 'prom-client';

const PARTITION = ['topic', 'partition'] as const;

/** Metrics that are looked up when somebody asks, rather than counted as things happen. */
export class StatusMetrics {
  private readonly topicCount: Gauge;
  private readonly partitionCount: Gauge<'state'>;
  private readonly publishedMessages: Counter<'topic'>;
  private readonly publishedBytes: Counter<'topic'>;
  private readonly publishFailures: Counter<'topic'>;
  private readonly bytes: Gauge<'topic' | 'partition' | 'adapter'>;
  private readonly files: Gauge<'topic' | 'partition'>;
  private readonly items: Gauge<'topic' | 'partition'>;
  private readonly endOffset: Gauge<'topic' | 'partition'>;
  private readonly backlog: Gauge<'topic' | 'partition'>;
  private readonly lost: Counter<'topic' | 'partition'>;
  private readonly recovery: Gauge<'topic' | 'partition'>;
  private readonly damaged: Counter<'topic' | 'partition'>;
  private readonly lag: Gauge<'group' | 'topic' | 'partition'>;
  private readonly pendingBytes: Gauge;
  private readonly cacheBytes: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Gauge<L>({ name: `genrocks_${name}`, help, labelNames: [...labelNames], registers });
    const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
      new Counter<L>({ name: `genrocks_${name}`, help, labelNames: [...labelNames], registers });
    this.topicCount = gauge('topics', 'Topics there are, stopped ones included');
    this.partitionCount = gauge('partitions', 'Partitions of running topics, by state', ['state']);
    this.publishedMessages = counter('messages_published_total', 'Messages stored, by any way in', ['topic']);
    this.publishedBytes = counter('bytes_published_total', 'Bytes of record batches stored', ['topic']);
    this.publishFailures = counter('publish_failures_total', 'Messages that could not be stored', ['topic']);
    this.bytes = gauge(
      'storage_bytes',
      'Bytes used: on disk, or in memory for adapters that keep nothing on disk',
      [...PARTITION, 'adapter'],
    );
    this.files = gauge('storage_files', 'Files of a partition', PARTITION);
    this.items = gauge('storage_items', 'Entries (record batches) stored', PARTITION);
    this.lost = counter(
      'storage_lost_items_total',
      'Entries dropped by retention since the start',
      PARTITION,
    );
    this.recovery = gauge(
      'storage_recovery_seconds',
      'Time the last recovery of a partition took',
      PARTITION,
    );
    this.damaged = counter(
      'storage_damaged_ranges_total',
      'Damaged stretches found while reading',
      PARTITION,
    );
    this.endOffset = gauge('partition_end_offset', 'The offset the next message will get', PARTITION);
    this.backlog = gauge(
      'partition_backlog',
      'Offsets between the earliest message kept and the end',
      PARTITION,
    );
    this.lag = gauge('group_lag', 'Messages a consumer group has not committed yet', ['group', ...PARTITION]);
    this.pendingBytes = gauge('publish_pending_bytes', 'Bytes of messages that wait to be stored');
    this.cacheBytes = gauge('tail_cache_bytes', 'Memory used by the newest messages');
  }

  onStoreEvent(topic: string, partition: number, event: StoreEvent): void {
    const labels = { topic, partition };
    if (event.type === 'recovered') this.recovery.set(labels, event.ms / 1000);
    if (event.type === 'damaged') this.damaged.inc(labels);
    if (event.type === 'evicted') this.lost.inc(labels, event.items);
  }

  async collect(topics: TopicsService): Promise<void> {
    const status = await topics.systemStatus();
    this.setTopics(status);
    this.pendingBytes.set(status.memory.pendingBytes);
    this.cacheBytes.set(status.memory.tailCacheBytes);
    await this.setLag(topics, status);
  }

  private setTopics(status: SystemStatus): void {
    const collected = [
      this.publishedMessages,
      this.publishedBytes,
      this.publishFailures,
      this.partitionCount,
    ];
    for (const metric of [...collected, this.bytes, this.files, this.items, this.endOffset, this.backlog]) {
      metric.reset();
    }
    this.topicCount.set(status.topics.length);
    for (const topic of status.topics) {
      for (const partition of topic.partitions) {
        this.partitionCount.inc({ state: partition.state });
        this.publishedMessages.inc({ topic: topic.name }, partition.published.messages);
        this.publishedBytes.inc({ topic: topic.name }, partition.published.bytes);
        this.publishFailures.inc({ topic: topic.name }, partition.published.failed);
        this.setPartition({ topic: topic.name, partition: partition.partition }, topic.adapter, partition);
      }
    }
  }

  private setPartition(
    labels: { topic: string; partition: number },
    adapter: string,
    { store, endOffset, backlog }: PartitionInfo,
  ): void {
    this.endOffset.set(labels, endOffset);
    this.backlog.set(labels, backlog);
    if (store === undefined) return;
    this.bytes.set({ ...labels, adapter }, store.bytes);
    this.items.set(labels, store.items);
    const { files, last_recovery: recovery } = store.details as {
      files?: unknown;
      last_recovery?: { ms?: unknown };
    };
    if (typeof files === 'number') this.files.set(labels, files);
    if (typeof recovery?.ms === 'number') this.recovery.set(labels, recovery.ms / 1000);
  }

  private async setLag(topics: TopicsService, { groups }: SystemStatus): Promise<void> {
    this.lag.reset();
    for (const { group } of groups) {
      // A group may be deleted between the listing and this line.
      const description = await topics.groups.describe(group).catch(() => undefined);
      for (const { topic, partition, lag } of description?.offsets ?? []) {
        this.lag.set({ group, topic, partition }, lag);
      }
    }
  }
}
