import type { OffsetCommit } from '@genrocks/topics';
import { offsetCommit } from '../protocol/apis/offset-commit.js';
import { offsetFetch } from '../protocol/apis/offset-fetch.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf } from '../protocol/schema/api.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf, outcomeOf } from './error-mapping.js';
import { withoutRepeatedPartitions, withoutRepeats } from './without-repeats.js';

const MAX_METADATA_BYTES = 4096;
/** From this version on, a request names several groups. */
const MANY_GROUPS_FROM = 8;

/** Commits offsets for a member or, if the group has no members, for any client. */
export function offsetCommitRoute(broker: BrokerContext): Route {
  return route(offsetCommit, async (request) => {
    const { groupId } = request;
    const refusal = outcomeOf(() => broker.coordinator.assertMayCommit(groupId, request));
    const commits: OffsetCommit[] = [];
    const forgotten: { topic: string; partition: number }[] = [];
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, committedOffset, committedLeaderEpoch, metadata }) => {
        let errorCode: ErrorCode = refusal;
        if (errorCode === ErrorCode.NONE)
          errorCode = problemOf(broker, name, index, committedOffset, metadata);
        if (errorCode !== ErrorCode.NONE) return { index, errorCode };
        if (committedOffset < 0) forgotten.push({ topic: name, partition: index });
        else {
          commits.push({
            topic: name,
            partition: index,
            offset: committedOffset,
            metadata: metadata ?? '',
            ...(committedLeaderEpoch < 0 ? {} : { leaderEpoch: committedLeaderEpoch }),
          });
        }
        return { index, errorCode };
      }),
    }));
    try {
      // Start both in one turn, so that they share a write.
      await Promise.all([
        commits.length > 0 &&
          broker.topics.groups.commitOffsets(groupId, commits, { member: request, allowBeyondEnd: true }),
        forgotten.length > 0 &&
          broker.topics.groups.has(groupId) &&
          broker.topics.groups.deleteOffsets(groupId, forgotten),
      ]);
      return { topics };
    } catch (error) {
      const failed = errorCodeOf(error);
      const failure = failed === ErrorCode.NON_EMPTY_GROUP ? ErrorCode.UNKNOWN_MEMBER_ID : failed;
      // The offsets are stored together or not at all, so all of them have failed.
      return {
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ index, errorCode }) => ({ index, errorCode: errorCode || failure })),
        })),
      };
    }
  });
}

/**
 * Like Kafka, accepts any offset. A consumer that starts past the end, or at a negative offset, uses its reset policy.
 * kafkajs commits a negative offset if it no longer has one, because retention has overtaken it or the topic is new.
 */
function problemOf(
  { directory }: BrokerContext,
  topic: string,
  index: number,
  offset: number,
  metadata: string | null,
): ErrorCode {
  if (metadata !== null && Buffer.byteLength(metadata) > MAX_METADATA_BYTES) {
    return ErrorCode.OFFSET_METADATA_TOO_LARGE;
  }
  const partition = directory.partition(topic, index);
  if (typeof partition === 'number') return partition;
  return Number.isSafeInteger(offset) ? ErrorCode.NONE : ErrorCode.OFFSET_OUT_OF_RANGE;
}

interface TopicOffsets {
  readonly name: string;
  readonly partitions: readonly {
    index: number;
    committedOffset: number;
    committedLeaderEpoch: number;
    metadata: string;
    errorCode: ErrorCode;
  }[];
}

/** Returns committed offsets; -1, without an error, if nothing is committed. */
export function offsetFetchRoute(broker: BrokerContext): Route {
  type Wanted = readonly { readonly name: string; readonly partitions: readonly number[] }[];

  const committed = (groupId: string, { name, partitions }: Wanted[number]): TopicOffsets => ({
    name,
    partitions: partitions.map((index) => {
      const known = broker.topics.groups.committed(groupId, name, index);
      return {
        index,
        committedOffset: known?.offset ?? -1,
        committedLeaderEpoch: known?.leaderEpoch ?? -1,
        metadata: known?.metadata ?? '',
        errorCode: ErrorCode.NONE,
      };
    }),
  });

  const all = (groupId: string): Wanted =>
    [...broker.topics.groups.committedPartitions(groupId)]
      .map(([name, partitions]) => ({ name, partitions }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));

  const find = (groupId: string, topics: Wanted | null): TopicOffsets[] =>
    (topics ?? all(groupId)).map((topic) => committed(groupId, topic));

  const serve: HandlerOf<typeof offsetFetch> = ({ groupId, topics, groups }, { version }) => {
    if (version < MANY_GROUPS_FROM) return { topics: find(groupId, topics) };
    return {
      groups: groups.map((group) => ({
        groupId: group.groupId,
        topics: find(group.groupId, group.topics),
      })),
    };
  };
  return route(offsetFetch, serve, { distinct });
}

function distinct(request: RequestOf<typeof offsetFetch>): RequestOf<typeof offsetFetch> {
  const once = (topics: RequestOf<typeof offsetFetch>['topics']) =>
    topics &&
    withoutRepeatedPartitions(
      topics,
      ({ name }) => name,
      (index: number) => index,
    );
  const groups = withoutRepeats(request.groups, ({ groupId }) => groupId);
  return {
    ...request,
    topics: once(request.topics),
    groups: groups.map((group) => ({ ...group, topics: once(group.topics) })),
  };
}
