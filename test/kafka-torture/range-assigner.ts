import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

/** Kafka's range assignment, under the name other clients know it by: kafkajs has none that they share. */
export const rangeAssigner: PartitionAssigner = ({ cluster }) => ({
  name: 'range',
  version: 1,
  assign: async ({ members, topics }) => {
    const ids = members.map(({ memberId }) => memberId).sort();
    const shares = new Map<string, Record<string, number[]>>(ids.map((id) => [id, {}]));
    for (const topic of topics) {
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => partitionId)
        .sort((a, b) => a - b);
      const each = Math.floor(partitions.length / ids.length);
      const more = partitions.length % ids.length;
      let next = 0;
      for (const [i, id] of ids.entries()) {
        const count = each + (i < more ? 1 : 0);
        shares.get(id)![topic] = partitions.slice(next, next + count);
        next += count;
      }
    }
    return ids.map((memberId) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 0,
        assignment: shares.get(memberId)!,
        userData: Buffer.alloc(0),
      }),
    }));
  },
  protocol: ({ topics }) => ({
    name: 'range',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
  }),
});
