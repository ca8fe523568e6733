import { CONTROLLER_ID, LEADER_EPOCH, type VirtualCluster } from '../cluster/virtual-cluster.js';
import type { Topic } from '@genrocks/topics';
import { metadata } from '../protocol/apis/metadata.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { clusterOperations, topicOperations } from '../security/access.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { mapLimited } from './map-limited.js';
import { PARALLEL_TOPICS, TopicCreation } from './topic-creation.js';
import { isCreatableName } from './topic-directory.js';
import { withoutRepeats } from './without-repeats.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';
/** The first version in which the name of a topic in an answer may be null. */
const NULL_NAME_FROM = 12;

/** Describes the cluster and its topics. A topic that the request creates has its leader in the same answer. */
export function metadataRoute(broker: BrokerContext): Route {
  const { directory, topics, options, cluster } = broker;

  const byName = async (name: string, creation: TopicCreation | undefined) => {
    const known = directory.byName(name);
    if (known !== undefined) return describe(known, cluster);
    if (!isCreatableName(name)) return unknown(name, NO_ID, ErrorCode.INVALID_TOPIC);
    if (creation === undefined) return unknown(name, NO_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    try {
      return describe(await creation.run(() => topics.resolveTopic(name)), cluster);
    } catch (error) {
      return unknown(name, NO_ID, errorCodeOf(error));
    }
  };

  const byId = (id: string, version: number) => {
    const topic = directory.byId(id);
    if (topic !== undefined) return describe(topic, cluster);
    return unknown(version < NULL_NAME_FROM ? '' : null, id, ErrorCode.UNKNOWN_TOPIC_ID);
  };

  const serve: HandlerOf<typeof metadata> = async (request, { version, session, access }) => {
    const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0);
    const mayCreate = request.allowAutoTopicCreation && options.autoCreateTopics;
    const creation = mayCreate ? new TopicCreation() : undefined;
    const answers = wantsAll
      ? topics.listTopics().map(({ name }) => describe(topics.topic(name), cluster))
      : await mapLimited(request.topics!, PARALLEL_TOPICS, ({ name, topicId }) =>
          name === null ? byId(topicId, version) : byName(name, creation),
        );
    return {
      brokers: cluster.nodes(session),
      clusterId: broker.clusterId,
      controllerId: CONTROLLER_ID,
      topics: request.includeTopicOperations
        ? answers.map((topic) => ({ ...topic, topicOperations: topicOperations(access, topic.name ?? '') }))
        : answers,
      ...(request.includeClusterOperations ? { clusterOperations: clusterOperations(access) } : {}),
    };
  };
  return route(metadata, serve, {
    distinct: (request) => ({
      ...request,
      topics: request.topics && withoutRepeats(request.topics, ({ name, topicId }) => name ?? `${topicId}/`),
    }),
  });
}

function describe(topic: Topic, cluster: VirtualCluster) {
  const partitions = Array.from({ length: topic.partitionCount }, (_, index) => {
    const leader = cluster.leaderOf(topic.name, index);
    const isUp = topic.state === 'running' && topic.partitions[index]?.state === 'open';
    return {
      errorCode: isUp ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
      index,
      leaderId: isUp ? leader : -1,
      leaderEpoch: LEADER_EPOCH,
      replicas: [leader],
      isr: isUp ? [leader] : [],
      offlineReplicas: isUp ? [] : [leader],
    };
  });
  return { errorCode: ErrorCode.NONE, name: topic.name, topicId: topic.id, isInternal: false, partitions };
}

function unknown(name: string | null, topicId: string, errorCode: ErrorCode) {
  return { errorCode, name, topicId, isInternal: false, partitions: [] };
}
