import type { Topic } from '@genrocks/topics';
import { metadata } from '../protocol/apis/metadata.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import { advertised, type BrokerContext, LEADER_EPOCH, NODE_ID } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { isCreatableName } from './topic-directory.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Tells of the cluster and its topics; a topic that is created on the way has its leader in the same answer. */
export function metadataRoute(broker: BrokerContext): Route {
  const { directory, topics, options } = broker;

  const byName = async (name: string, mayCreate: boolean) => {
    const known = directory.byName(name);
    if (known !== undefined) return describe(known);
    if (!isCreatableName(name)) return unknown(name, NO_ID, ErrorCode.INVALID_TOPIC);
    if (!mayCreate) return unknown(name, NO_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    try {
      return describe(await topics.resolveTopic(name));
    } catch (error) {
      return unknown(name, NO_ID, errorCodeOf(error));
    }
  };

  const byId = (id: string) => {
    const topic = directory.byId(id);
    return topic === undefined ? unknown(null, id, ErrorCode.UNKNOWN_TOPIC_ID) : describe(topic);
  };

  return route(metadata, async (request, { version, session }) => {
    const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0);
    const mayCreate = request.allowAutoTopicCreation && options.autoCreateTopics;
    const answers = wantsAll
      ? topics.listTopics().map(({ name }) => describe(topics.topic(name)))
      : await Promise.all(
          request.topics!.map(({ name, topicId }) =>
            name === null ? Promise.resolve(byId(topicId)) : byName(name, mayCreate),
          ),
        );
    return {
      brokers: [{ nodeId: NODE_ID, ...advertised(options, session) }],
      clusterId: broker.clusterId,
      controllerId: NODE_ID,
      topics: answers,
    };
  });
}

function describe(topic: Topic) {
  const partitions = Array.from({ length: topic.partitionCount }, (_, index) => {
    const isUp = topic.state === 'running' && topic.partitions[index]?.state === 'open';
    return {
      errorCode: isUp ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
      index,
      leaderId: isUp ? NODE_ID : -1,
      leaderEpoch: LEADER_EPOCH,
      replicas: [NODE_ID],
      isr: isUp ? [NODE_ID] : [],
      offlineReplicas: isUp ? [] : [NODE_ID],
    };
  });
  return { errorCode: ErrorCode.NONE, name: topic.name, topicId: topic.id, isInternal: false, partitions };
}

function unknown(name: string | null, topicId: string, errorCode: ErrorCode) {
  return { errorCode, name, topicId, isInternal: false, partitions: [] };
}
