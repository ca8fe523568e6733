/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface AssignableMember {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/**
 * Range assignment: the partitions of every topic are dealt in runs of near-equal length to the members that
 * subscribe to it, in the order the members are given.
 */
export function rangeAssign(
  members: readonly AssignableMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, TopicPartition[]> {
  const assignment = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
  for (const [topic, count] of partitionCounts) {
    const subscribers = members.filter((member) => member.topics.includes(topic));
    const least = Math.floor(count / subscribers.length);
    const extra = count % subscribers.length;
    let partition = 0;
    subscribers.forEach(({ memberId }, i) => {
      const end = partition + least + (i < extra ? 1 : 0);
      for (; partition < end; partition++) assignment.get(memberId)!.push({ topic, partition });
    });
  }
  return assignment;
}

export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}\0${partition}`;
}
