import { type Partition, type Topic, TopicStoppedError } from '@genrocks/topics';

/**
 * The partitions of a running topic.
 * @throws `TOPIC_STOPPED` instead of returning none for a stopped topic
 */
export function runningPartitions({ name, state, partitions }: Topic): readonly Partition[] {
  if (state !== 'running') throw new TopicStoppedError(name, state);
  return partitions;
}
