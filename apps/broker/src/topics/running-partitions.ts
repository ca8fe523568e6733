import { type Partition, type Topic, TopicStoppedError } from '@genrocks/topics';

/**
 * The partitions of a topic that runs: of one that does not there are none to read, which is no empty answer.
 * @throws `TOPIC_STOPPED`
 */
export function runningPartitions({ name, state, partitions }: Topic): readonly Partition[] {
  if (state !== 'running') throw new TopicStoppedError(name, state);
  return partitions;
}
