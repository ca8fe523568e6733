import type { Codec } from '@genrocks/storage';
import { Deduplicator } from './dedup/deduplicator.js';
import { IdBookmarks } from './dedup/id-bookmarks.js';
import type { TopicsEvents } from './events.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import { logStartKey, type MetaChange, type MetaSnapshot, type MetaStore } from './meta/meta-store.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { ResolvedTopicsOptions } from './options.js';
import { PartitionOpener } from './partition/partition-opener.js';
import type { Partition } from './partition/partition.js';
import type { PartitionOwner, SharedEnvironment } from './partition/partition.types.js';
import type { OpenTopic } from './publisher.js';
import { Router, type Routing } from './routing/router.js';
import { CheckedCodec } from './schema/checked-codec.js';
import type { ValueSchema } from './schema/topic-schema.js';
import type { TopicShapes } from './topic-shape.js';

/** What of a topic the registry cannot keep, or may be given anew. */
export interface TopicParts {
  readonly routing: Routing;
  readonly codec: Codec<unknown>;
  readonly schema: ValueSchema | undefined;
}

/** Turns records of the registry into open topics, and keeps what has to outlive them beside the logs. */
export class TopicOpener {
  private readonly logStarts = new Map<string, number>();
  private readonly bookmarks: IdBookmarks;
  private readonly partitions: PartitionOpener;

  constructor(
    private readonly options: ResolvedTopicsOptions,
    environment: SharedEnvironment,
    private readonly shapes: TopicShapes,
    private readonly meta: MetaStore,
    private readonly offsets: GroupOffsets,
    events: TopicsEvents,
  ) {
    this.bookmarks = new IdBookmarks(meta);
    this.partitions = new PartitionOpener(environment, events);
  }

  load(snapshot: MetaSnapshot): void {
    for (const { topicId, partition, offset } of snapshot.logStarts) {
      this.logStarts.set(`${topicId}/${partition}`, offset);
    }
    this.bookmarks.load(snapshot);
  }

  /** @param strict the first partition that cannot be opened fails it all */
  async open(record: TopicRecord, parts: TopicParts, strict: boolean): Promise<OpenTopic> {
    const { clock, maxMessageBytes } = this.options;
    const { name, id } = record;
    const { routing, schema } = parts;
    const codec = schema === undefined ? parts.codec : new CheckedCodec(name, parts.codec, schema);
    const dedup =
      record.dedup === undefined
        ? undefined
        : new Deduplicator(name, id, record.dedup, clock, this.bookmarks);
    const partitions = await this.openPartitions(record, codec, dedup, strict, 0);
    try {
      if (dedup === undefined) await this.meta.write(this.bookmarks.forget(id, record.partitions));
      else await dedup.recover(partitions);
    } catch (error) {
      await this.close(partitions);
      throw error;
    }
    const { maxValueBytes } = this.shapes.adapter(record.adapter).supports;
    const limits = { maxMessageBytes, maxValueBytes };
    return { name, partitions, router: new Router(name, routing), codec, limits, clock, dedup };
  }

  /** Opens the partitions that `record` has more than `open`. */
  async openAdded(record: TopicRecord, { partitions, codec, dedup }: OpenTopic): Promise<Partition[]> {
    const added = await this.openPartitions(record, codec, dedup, true, partitions.length);
    try {
      await dedup?.recover(added);
    } catch (error) {
      await this.close(added);
      throw error;
    }
    return added;
  }

  close(partitions: readonly Partition[]): Promise<void> {
    return this.partitions.close(partitions);
  }

  /** Takes away what is kept for a topic that is deleted; returns what has to be removed from the registry's store. */
  forget({ id, partitions }: TopicRecord): MetaChange[] {
    const changes = this.bookmarks.forget(id, partitions);
    for (let partition = 0; partition < partitions; partition++) {
      this.logStarts.delete(`${id}/${partition}`);
      changes.push({ key: logStartKey(id, partition), value: null });
    }
    return changes;
  }

  private openPartitions(
    record: TopicRecord,
    codec: Codec<unknown>,
    watcher: Deduplicator | undefined,
    strict: boolean,
    first: number,
  ): Promise<Partition[]> {
    const owner: PartitionOwner = {
      name: record.name,
      codec,
      compression: record.compression ?? 'none',
      lingerMs: record.lingerMs ?? 0,
      watcher,
      saveLogStart: (partition, offset) => this.saveLogStart(record.id, partition, offset),
    };
    const floorOf = (partition: number) => {
      const logStart = this.logStarts.get(`${record.id}/${partition}`) ?? 0;
      return { logStart, nextOffset: this.offsets.range(record.name, partition)?.highest ?? 0 };
    };
    return this.partitions.open(record, this.shapes.adapter(record.adapter), owner, floorOf, strict, first);
  }

  private async saveLogStart(topicId: string, partition: number, offset: number): Promise<void> {
    await this.meta.write([{ key: logStartKey(topicId, partition), value: { offset } }]);
    this.logStarts.set(`${topicId}/${partition}`, offset);
  }
}
