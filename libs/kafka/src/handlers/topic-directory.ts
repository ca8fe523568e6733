import type { Partition, Topic, TopicsService } from '@genrocks/topics';
import { ErrorCode } from '../protocol/error-codes.js';

const KAFKA_NAME = /^[A-Za-z0-9._-]{1,249}$/;

/** Finds topics and partitions by name and by UUID, or the protocol's error code if there is none. */
export class TopicDirectory {
  private readonly namesById = new Map<string, string>();

  constructor(private readonly topics: TopicsService) {}

  byName(name: string): Topic | undefined {
    return this.topics.hasTopic(name) ? this.topics.topic(name) : undefined;
  }

  byId(id: string): Topic | undefined {
    const known = this.namesById.get(id);
    const topic = known === undefined ? undefined : this.byName(known);
    if (topic?.id === id) return topic;
    this.namesById.clear();
    for (const { id: other, name } of this.topics.listTopics()) this.namesById.set(other, name);
    const name = this.namesById.get(id);
    return name === undefined ? undefined : this.byName(name);
  }

  /** Returns the partition, or the error for the client. */
  partition(name: string, index: number): Partition | ErrorCode {
    const topic = this.byName(name);
    return topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : this.partitionOf(topic, index);
  }

  partitionOf(topic: Topic, index: number): Partition | ErrorCode {
    if (topic.state !== 'running') return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const partition = topic.partitions[index];
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return partition.state === 'failed' ? ErrorCode.KAFKA_STORAGE_ERROR : partition;
  }
}

/** Whether a Kafka client may create a topic with this name. */
export function isCreatableName(name: string): boolean {
  return KAFKA_NAME.test(name) && name !== '.' && name !== '..' && !name.startsWith('__');
}
