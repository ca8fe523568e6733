import { CONSUMER_PROTOCOL, decodeSubscription, type MembershipView } from '@genrocks/topics/listener';
import { offsetDelete } from '../protocol/apis/offset-delete.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { withoutRepeatedPartitions } from './without-repeats.js';

/** Deletes offsets of a group. If the group has members, only in topics that they do not read. */
export function offsetDeleteRoute(broker: BrokerContext): Route {
  const serve: HandlerOf<typeof offsetDelete> = async ({ groupId, topics }) => {
    const group = broker.coordinator.describe(groupId);
    const isUsed = group !== undefined && group.members.length > 0;
    if (isUsed && group.protocolType !== CONSUMER_PROTOCOL) {
      return { errorCode: ErrorCode.NON_EMPTY_GROUP, topics: [] };
    }
    const isRead = isUsed ? subscribedTopics(group) : () => false;
    const answers = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index }) => ({
        index,
        errorCode: problemOf(broker, isRead, name, index),
      })),
    }));
    const places = answers.flatMap(({ name: topic, partitions }) =>
      partitions
        .filter(({ errorCode }) => errorCode === ErrorCode.NONE)
        .map(({ index: partition }) => ({ topic, partition })),
    );
    try {
      await broker.topics.groups.deleteOffsets(groupId, places);
      return { errorCode: ErrorCode.NONE, topics: answers };
    } catch (error) {
      return { errorCode: errorCodeOf(error), topics: [] };
    }
  };
  return route(offsetDelete, serve, {
    distinct: (request) => ({
      ...request,
      topics: withoutRepeatedPartitions(
        request.topics,
        ({ name }) => name,
        ({ index }: { readonly index: number }) => index,
      ),
    }),
  });
}

function problemOf(
  { directory }: BrokerContext,
  isRead: (topic: string) => boolean,
  topic: string,
  index: number,
): ErrorCode {
  const known = directory.byName(topic);
  if (known === undefined || index < 0 || index >= known.partitionCount) {
    return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }
  return isRead(topic) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
}

/** The topics that members read. A member without a readable subscription may read any topic. */
function subscribedTopics({ members }: MembershipView): (topic: string) => boolean {
  const subscribed = new Set<string>();
  for (const { metadata } of members) {
    const subscription = decodeSubscription(metadata);
    if (subscription === undefined) return () => true;
    for (const topic of subscription.topics) subscribed.add(topic);
  }
  return (topic) => subscribed.has(topic);
}
