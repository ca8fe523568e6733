import type { Codec } from '@genrocks/storage';
import { Deduplicator } from './dedup/deduplicator.js';
import { IdBookmarks } from './dedup/id-bookmarks.js';
import type { TopicsEvents } from './events.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import {
  disorderKey,
  logStartKey,
  type MetaChange,
  type MetaSnapshot,
  type MetaStore,
} from './meta/meta-store.js';
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

/** Parts of a topic that the registry cannot keep, or that may be replaced on a start. */
export interface TopicParts {
  readonly routing: Routing;
  readonly codec: Codec<unknown>;
  readonly schema: ValueSchema | undefined;
}

/** Opens topics from their registry records, and stores the state of partitions that must outlive them. */
export class TopicOpener {
  private readonly logStarts = new Map<string, number>();
  private readonly disorders = new Map<string, number>();
  /** Partitions that are new. Their stores may already hold a log whose timestamps are unknown. */
  private readonly unseen = new Set<string>();
  /** The offset after the last redriven dead letter. Offsets below it must not be assigned again. */
  private readonly redrivenEnds = new Map<string, number>();
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
    for (const { topicId, partition, disorder } of snapshot.disorders) {
      this.disorders.set(`${topicId}/${partition}`, disorder);
    }
    for (const { topicId, partition, ranges } of snapshot.redriven) {
      this.redrivenEnds.set(`${topicId}/${partition}`, ranges.at(-1)?.[1] ?? 0);
    }
    this.bookmarks.load(snapshot);
  }

  /** Marks partitions from `first` on as new: their stores may still hold logs of an earlier owner. */
  expectAnything({ id, partitions }: TopicRecord, first = 0): void {
    for (let partition = first; partition < partitions; partition++) {
      this.unseen.add(`${id}/${partition}`);
    }
  }

  /** {@link expectAnything} for partitions that are opened later, perhaps after a restart. */
  async noteLogs(record: TopicRecord, first: number): Promise<void> {
    for (const { topic, partition } of await this.shapes.adapter(record.adapter).list()) {
      const isAdded = topic === record.name && partition >= first && partition < record.partitions;
      if (isAdded) await this.saveDisorder(record, partition, Infinity);
    }
  }

  /** @param strict fail if any partition cannot be opened */
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

  /** Opens the partitions of `record` that the open topic does not have yet. */
  async openAdded(record: TopicRecord, { partitions, codec, dedup }: OpenTopic): Promise<Partition[]> {
    this.expectAnything(record, partitions.length);
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

  /** Forgets the state of a deleted topic; returns the removals for the registry's store. */
  forget({ id, partitions }: TopicRecord): MetaChange[] {
    const changes = this.bookmarks.forget(id, partitions);
    for (let partition = 0; partition < partitions; partition++) {
      this.logStarts.delete(`${id}/${partition}`);
      this.disorders.delete(`${id}/${partition}`);
      this.redrivenEnds.delete(`${id}/${partition}`);
      changes.push({ key: logStartKey(id, partition), value: null });
      changes.push({ key: disorderKey(id, partition), value: null });
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
      saveLogStart: (partition, offset) => this.saveLogStart(record, partition, offset),
      saveDisorder: (partition, disorder) => this.saveDisorder(record, partition, disorder),
    };
    const floorOf = (partition: number) => {
      const id = `${record.id}/${partition}`;
      const committed = this.offsets.range(record.name, partition);
      const nextOffset = Math.max(committed?.highest ?? 0, this.redrivenEnds.get(id) ?? 0);
      return {
        logStart: this.logStarts.get(id) ?? 0,
        nextOffset,
        needed: committed?.lowest ?? null,
        disorder: this.unseen.delete(id) ? Infinity : (this.disorders.get(id) ?? 0),
      };
    };
    return this.partitions.open(record, this.shapes.adapter(record.adapter), owner, floorOf, strict, first);
  }

  private async saveLogStart({ id, adapter }: TopicRecord, partition: number, offset: number): Promise<void> {
    await this.saveFirst(adapter, { key: logStartKey(id, partition), value: { offset } });
    this.logStarts.set(`${id}/${partition}`, offset);
  }

  private async saveDisorder(
    { id, adapter }: TopicRecord,
    partition: number,
    disorder: number,
  ): Promise<void> {
    const value = { ms: disorder === Infinity ? null : disorder };
    await this.saveFirst(adapter, { key: disorderKey(id, partition), value });
    this.disorders.set(`${id}/${partition}`, disorder);
  }

  /** Stores state that must be recorded before the data on an adapter changes. */
  private async saveFirst(adapter: string, change: MetaChange): Promise<void> {
    // Durably, so that no power cut leaves changed data without this record. Data in memory is lost in a power cut anyway.
    if (this.shapes.adapter(adapter).supports.durable) await this.meta.writeDurably([change]);
    else await this.meta.write([change]);
  }
}
