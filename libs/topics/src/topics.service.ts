/* eslint-disable @typescript-eslint/no-unused-vars */
import { Injectable } from '@nestjs/common';
import type { LogEntry, ReadLogOptions } from '@genrocks/storage';
import type { TopicsEvents } from './events.js';
import type * as G from './groups/group.types.js';
import type { PublishMessage, PublishResult } from './message.js';
import type { TopicDefinition, TopicOptions, TopicsAdapters, TopicsOptions } from './options.js';
import type * as R from './partition/read.types.js';
import type { SystemStatus } from './status.types.js';
import type { PartitionInfo, TopicDescription, TopicInfo, TopicState } from './topic.types.js';

export declare class Partition {
  readonly topic: string;
  readonly index: number;
  get state(): R.PartitionState;
  get startOffset(): number;
  get endOffset(): number;
  /** Raw Kafka v2 batch. */
  append(batch: Uint8Array): Promise<R.AppendResult>;
  readBatches(options: R.ReadBatchesOptions): Promise<R.ReadBatchesResult>;
  readMessages<T = unknown>(options: R.ReadMessagesOptions): Promise<R.ReadMessagesResult<T>>;
  offsetForTimestamp(timestamp: number): Promise<R.OffsetForTimestamp | null>;
  /** Resolves true as soon as endOffset > offset, false when the wait ended first. */
  waitForData(offset: number, options?: R.WaitOptions): Promise<boolean>;
  truncate(): Promise<void>;
  optimize(): Promise<void>;
  sync(): Promise<void>;
  info(): Promise<PartitionInfo>;
  readLog(options?: ReadLogOptions): AsyncIterable<LogEntry[]>;
  describe(): R.PartitionDescription;
}
export declare class Topic<T = unknown> {
  readonly name: string;
  get id(): string;
  get state(): TopicState;
  get partitions(): readonly Partition[];
  get partitionCount(): number;
  partition(index: number): Partition;
  publish(message: PublishMessage<T>): Promise<PublishResult>;
  publishBatch(messages: readonly PublishMessage<T>[]): Promise<PublishResult[]>;
  truncate(): Promise<void>;
  optimize(): Promise<void>;
  sync(): Promise<void>;
  info(): Promise<TopicInfo>;
  describe(): TopicDescription;
}
export declare class ConsumerGroup {
  readonly group: string;
  get state(): G.ConsumerGroupState;
  stats(): G.ConsumerGroupStats;
  /** Finishes what is in flight, commits, leaves the group. Idempotent. */
  stop(): Promise<void>;
}
export declare class GroupRegistry {
  list(): G.GroupSummary[];
  describe(group: string): Promise<G.GroupDescription>;
  committed(group: string, topic: string, partition: number): G.CommittedOffset | null;
  commitOffsets(group: string, commits: readonly G.OffsetCommit[]): Promise<void>;
  resetOffsets(group: string, options: G.ResetOffsetsOptions): Promise<G.OffsetCommit[]>;
  delete(group: string): Promise<void>;
}

@Injectable()
export class TopicsService {
  readonly events!: TopicsEvents;
  readonly groups!: GroupRegistry;
  constructor(_adapters: TopicsAdapters, _options: TopicsOptions) {}
  startTopic<T = unknown>(name: string, options?: TopicOptions): Promise<Topic<T>> {
    throw new Error();
  }
  startTopicWithDiskLog<T = unknown>(
    name: string,
    partitions: number,
    settings?: Record<string, unknown>,
  ): Promise<Topic<T>> {
    throw new Error();
  }
  stopTopic(name: string): Promise<void> {
    throw new Error();
  }
  deleteTopic(name: string): Promise<void> {
    throw new Error();
  }
  topic<T = unknown>(name: string): Topic<T> {
    throw new Error();
  }
  resolveTopic<T = unknown>(name: string): Promise<Topic<T>> {
    throw new Error();
  }
  hasTopic(name: string): boolean {
    throw new Error();
  }
  listTopics(): TopicDescription[] {
    throw new Error();
  }
  publish(topic: string, message: PublishMessage): Promise<PublishResult> {
    throw new Error();
  }
  publishBatch(topic: string, messages: readonly PublishMessage[]): Promise<PublishResult[]> {
    throw new Error();
  }
  startConsumerGroup<T = unknown>(options: G.ConsumerGroupOptions<T>): Promise<ConsumerGroup> {
    throw new Error();
  }
  systemStatus(): Promise<SystemStatus> {
    throw new Error();
  }
}
export type { TopicDefinition };
