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
/** From this version on a request asks for several groups. */
const MANY_GROUPS_FROM = 8;

/** Commits what a member (or, for a group without members, anybody) has finished. */
export function offsetCommitRoute(broker: BrokerContext): Route {
  return route(offsetCommit, async (request) => {
    const { groupId } = request;
    const refusal = outcomeOf(() => broker.coordinator.assertMayCommit(groupId, request));
    const commits: OffsetCommit[] = [];
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, committedOffset, metadata }) => {
        let errorCode: ErrorCode = refusal;
        if (errorCode === ErrorCode.NONE)
          errorCode = problemOf(broker, name, index, committedOffset, metadata);
        if (errorCode === ErrorCode.NONE) {
          commits.push({ topic: name, partition: index, offset: committedOffset, metadata: metadata ?? '' });
        }
        return { index, errorCode };
      }),
    }));
    if (commits.length === 0) return { topics };
    try {
      await broker.topics.groups.commitOffsets(groupId, commits, { member: request, allowBeyondEnd: true });
      return { topics };
    } catch (error) {
      const failed = errorCodeOf(error);
      const failure = failed === ErrorCode.NON_EMPTY_GROUP ? ErrorCode.UNKNOWN_MEMBER_ID : failed;
      // They are stored together or not at all.
      return {
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ index, errorCode }) => ({ index, errorCode: errorCode || failure })),
        })),
      };
    }
  });
}

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
  // Kafka takes offsets past the end too: whoever reads from there begins where its reset policy says.
  return offset < 0 || !Number.isSafeInteger(offset) ? ErrorCode.OFFSET_OUT_OF_RANGE : ErrorCode.NONE;
}

interface TopicOffsets {
  readonly name: string;
  readonly partitions: readonly {
    index: number;
    committedOffset: number;
    metadata: string;
    errorCode: ErrorCode;
  }[];
}

/** Tells what is committed; where nothing is, the offset is -1 without an error. */
export function offsetFetchRoute(broker: BrokerContext): Route {
  type Wanted = readonly { readonly name: string; readonly partitions: readonly number[] }[];

  const committed = (groupId: string, { name, partitions }: Wanted[number]): TopicOffsets => ({
    name,
    partitions: partitions.map((index) => {
      const known = broker.topics.groups.committed(groupId, name, index);
      const { offset: committedOffset, metadata } = known ?? { offset: -1, metadata: '' };
      return { index, committedOffset, metadata, errorCode: ErrorCode.NONE };
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
  const once = (topics: RequestOf<typeof offsetFetch>['topics']) =>
    topics &&
    withoutRepeatedPartitions(
      topics,
      ({ name }) => name,
      (index: number) => index,
    );
  return route(offsetFetch, serve, {
    distinct: (request) => ({
      ...request,
      topics: once(request.topics),
      groups: withoutRepeats(request.groups, ({ groupId }) => groupId).map((group) => ({
        ...group,
        topics: once(group.topics),
      })),
    }),
  });
}
