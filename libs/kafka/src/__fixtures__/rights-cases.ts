import * as apis from '../protocol/apis/index.js';
import type { Api } from '../protocol/schema/api.js';

/** The errors of a refusal. */
export const TOPIC = 29;
export const GROUP = 30;
export const CLUSTER = 31;

/** A request and its refusal. The user `reader` may read everything that begins with `open`, and nothing else. */
export interface RightsCase {
  readonly api: Api<never, never>;
  readonly version: number;
  readonly request: object;
  /** Returns the errors in the answer. */
  readonly code: (answer: never) => number;
  /** The code for the reader outside of `open`. */
  readonly refused: number;
  /** The code for the reader within `open`; undefined if the right to read is enough. */
  readonly refusedToRead?: number | undefined;
}

type Coded = Readonly<Record<string, readonly { readonly errorCode: number }[]>>;

const whole = ({ errorCode }: { errorCode: number }) => errorCode;
const firstOf = (list: string) => (answer: Coded) => answer[list]![0]!.errorCode;
const inPartition = ({ topics }: { topics: { partitions: { errorCode: number }[] }[] }) =>
  topics[0]!.partitions[0]!.errorCode;

/** Requests of every API about a topic and a group of this prefix. */
export function casesOf(prefix: string, records: Buffer): RightsCase[] {
  const topic = `${prefix}-topic`;
  const group = `${prefix}-group`;
  return [...partitionCases(topic, records), ...topicCases(topic), ...groupCases(topic, group)];
}

function define(
  api: object,
  version: number,
  request: object,
  code: RightsCase['code'],
  refused: number,
  refusedToRead?: number,
): RightsCase {
  return { api: api as never, version, request, code, refused, refusedToRead };
}

function inTopic(name: string, partition: object) {
  return { topics: [{ name, partitions: [{ index: 0, ...partition }] }] };
}

function partitionCases(topic: string, records: Buffer): RightsCase[] {
  const produced = { acks: -1, timeoutMs: 1, ...inTopic(topic, { records }) };
  // A refusal is answered at once, whatever `maxWaitMs` says.
  const maxWaitMs = topic.startsWith('open') ? 0 : 60_000;
  const fetched = { maxWaitMs, minBytes: 9, ...inTopic(topic, { fetchOffset: 0, maxBytes: 9 }) };
  const listed = { replicaId: -1, ...inTopic(topic, { timestamp: -1 }) };
  const epoch = { replicaId: -1, ...inTopic(topic, { currentLeaderEpoch: 0, leaderEpoch: 0 }) };
  const deleted = { ...inTopic(topic, { offset: -1 }), timeoutMs: 1 };
  return [
    define(apis.produce, 9, produced, inPartition, TOPIC, TOPIC),
    define(apis.fetch, 12, fetched, inPartition, TOPIC),
    define(apis.listOffsets, 7, listed, inPartition, TOPIC),
    define(apis.offsetForLeaderEpoch, 4, epoch, inPartition, TOPIC),
    define(apis.deleteRecords, 2, deleted, inPartition, TOPIC, TOPIC),
  ];
}

function topicCases(topic: string): RightsCase[] {
  const asked = { topics: [{ name: topic }], allowAutoTopicCreation: false };
  const created = {
    topics: [{ name: `${topic}-new`, numPartitions: 1, replicationFactor: 1 }],
    timeoutMs: 1,
  };
  const deleted = { names: [`${topic}-gone`], timeoutMs: 1 };
  const grown = { topics: [{ name: topic, count: 2 }], timeoutMs: 1, validateOnly: true };
  const producer = { transactionalId: null, transactionTimeoutMs: 1 };
  const ofTopic = { resources: [{ type: 2, name: topic, keys: null }] };
  const ofBroker = { resources: [{ type: 4, name: '', keys: null }] };
  const altered = { resources: [{ type: 2, name: topic, configs: [] }], validateOnly: true };
  return [
    define(apis.metadata, 12, asked, firstOf('topics'), TOPIC),
    define(apis.createTopics, 7, created, firstOf('topics'), TOPIC, TOPIC),
    define(apis.deleteTopics, 5, deleted, firstOf('topics'), TOPIC, TOPIC),
    define(apis.createPartitions, 3, grown, firstOf('results'), TOPIC, TOPIC),
    define(apis.initProducerId, 4, producer, whole, CLUSTER, CLUSTER),
    define(apis.describeConfigs, 4, ofTopic, firstOf('results'), TOPIC),
    define(apis.describeConfigs, 4, ofBroker, firstOf('results'), CLUSTER, CLUSTER),
    define(apis.alterConfigs, 2, altered, firstOf('responses'), TOPIC, TOPIC),
    define(apis.incrementalAlterConfigs, 1, altered, firstOf('responses'), TOPIC, TOPIC),
  ];
}

function groupCases(topic: string, groupId: string): RightsCase[] {
  const member = { groupId, memberId: 'm', generationId: -1, groupInstanceId: null };
  const committed = { ...member, ...inTopic(topic, { committedOffset: 0 }) };
  const joined = {
    groupId,
    sessionTimeoutMs: 9_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'a', metadata: Buffer.alloc(0) }],
  };
  return [
    define(apis.offsetCommit, 8, committed, inPartition, GROUP),
    define(apis.offsetFetch, 7, { groupId, topics: null }, whole, GROUP),
    define(apis.offsetFetch, 8, { groups: [{ groupId, topics: null }] }, firstOf('groups'), GROUP),
    define(apis.offsetDelete, 0, { groupId, topics: [] }, whole, GROUP, GROUP),
    define(apis.findCoordinator, 3, { key: groupId }, whole, GROUP),
    define(apis.findCoordinator, 4, { keys: [groupId] }, firstOf('coordinators'), GROUP),
    define(apis.joinGroup, 5, joined, whole, GROUP),
    define(apis.heartbeat, 4, member, whole, GROUP),
    define(apis.leaveGroup, 4, { groupId, members: [] }, whole, GROUP),
    define(apis.syncGroup, 4, { ...member, assignments: [] }, whole, GROUP),
    define(apis.describeGroups, 5, { groups: [groupId] }, firstOf('groups'), GROUP),
    define(apis.deleteGroups, 2, { groups: [groupId] }, firstOf('results'), GROUP, GROUP),
  ];
}
