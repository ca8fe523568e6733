import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { TopicDirectory } from '../handlers/topic-directory.js';
import { VirtualCluster } from '../cluster/virtual-cluster.js';
import * as apis from '../protocol/apis/index.js';
import type { Api } from '../protocol/schema/api.js';
import { Desk } from './rule.js';
import type { Route } from '../server/request.types.js';
import { guarded, RULES } from './rules.js';

const ALL = Object.values(apis) as unknown as Api[];
const TOPIC = 29;
const GROUP = 30;
const CLUSTER = 31;
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Reads and sees all that begins with `open`, and may do nothing else. */
const READER = {
  name: 'reader',
  password: 'r',
  rights: [{ topics: ['open*'], groups: ['open*'], allow: ['read'] as const }],
};
const OWNER = {
  name: 'owner',
  password: 'o',
  rights: [{ topics: ['*'], groups: ['*'], cluster: true, allow: ['read', 'write', 'admin'] as const }],
};
const NOBODY = { name: 'nobody', password: 'n', rights: [] };

const one = <T>(list: readonly T[]): T => list[0]!;

interface Case {
  readonly api: Api<never, never>;
  readonly version: number;
  readonly request: object;
  /** Where the error stands in the answer. */
  readonly code: (answer: never) => number;
  /** For the reader, in what does not begin with `open`. */
  readonly refused: number;
  /** For the reader, in what does: undefined where the right to read is enough. */
  readonly refusedToRead?: number;
}

/** The request about a topic and a group of this prefix. */
function casesOf(prefix: string, records: Buffer): Case[] {
  const topic = `${prefix}-topic`;
  const group = `${prefix}-group`;
  const member = { memberId: 'm', generationId: -1, groupInstanceId: null };
  const define = (
    api: object,
    version: number,
    request: object,
    code: (answer: never) => number,
    refused: number,
    refusedToRead?: number,
  ): Case => ({ api: api as never, version, request, code, refused, refusedToRead });
  type InTopics = { topics: { errorCode: number; partitions: { errorCode: number }[] }[] };
  const inPartition = ({ topics }: InTopics) => one(one(topics).partitions).errorCode;
  const inTopic = ({ topics }: InTopics) => one(topics).errorCode;
  const itself = ({ errorCode }: { errorCode: number }) => errorCode;
  const partitions = (fields: object) => ({
    topics: [{ name: topic, partitions: [{ index: 0, ...fields }] }],
  });
  const config = { type: 2, name: topic };
  return [
    define(
      apis.produce,
      9,
      { acks: -1, timeoutMs: 1, ...partitions({ records }) },
      inPartition,
      TOPIC,
      TOPIC,
    ),
    define(
      apis.fetch,
      12,
      {
        maxWaitMs: prefix === 'closed' ? 60_000 : 0,
        minBytes: 9,
        ...partitions({ fetchOffset: 0, maxBytes: 9 }),
      },
      inPartition,
      TOPIC,
    ),
    define(apis.listOffsets, 7, { replicaId: -1, ...partitions({ timestamp: -1 }) }, inPartition, TOPIC),
    define(apis.metadata, 12, { topics: [{ name: topic }], allowAutoTopicCreation: false }, inTopic, TOPIC),
    define(
      apis.offsetCommit,
      8,
      { groupId: group, ...member, ...partitions({ committedOffset: 0 }) },
      inPartition,
      GROUP,
    ),
    define(apis.offsetFetch, 7, { groupId: group, topics: null }, itself, GROUP),
    define(
      apis.offsetFetch,
      8,
      { groups: [{ groupId: group, topics: null }] },
      ({ groups }: { groups: { errorCode: number }[] }) => one(groups).errorCode,
      GROUP,
    ),
    define(apis.findCoordinator, 3, { key: group }, itself, GROUP),
    define(
      apis.findCoordinator,
      4,
      { keys: [group] },
      ({ coordinators }: { coordinators: { errorCode: number }[] }) => one(coordinators).errorCode,
      GROUP,
    ),
    define(
      apis.joinGroup,
      5,
      {
        groupId: group,
        sessionTimeoutMs: 9_000,
        memberId: '',
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'a', metadata: Buffer.alloc(0) }],
      },
      itself,
      GROUP,
    ),
    define(apis.heartbeat, 4, { groupId: group, ...member }, itself, GROUP),
    define(apis.leaveGroup, 4, { groupId: group, members: [] }, itself, GROUP),
    define(apis.syncGroup, 4, { groupId: group, ...member, assignments: [] }, itself, GROUP),
    define(
      apis.describeGroups,
      5,
      { groups: [group] },
      ({ groups }: { groups: { errorCode: number }[] }) => one(groups).errorCode,
      GROUP,
    ),
    define(
      apis.createTopics,
      7,
      { topics: [{ name: `${topic}-new`, numPartitions: 1, replicationFactor: 1 }], timeoutMs: 1 },
      inTopic,
      TOPIC,
      TOPIC,
    ),
    define(apis.deleteTopics, 5, { names: [`${topic}-gone`], timeoutMs: 1 }, inTopic, TOPIC, TOPIC),
    define(apis.deleteRecords, 2, { ...partitions({ offset: -1 }), timeoutMs: 1 }, inPartition, TOPIC, TOPIC),
    define(
      apis.initProducerId,
      4,
      { transactionalId: null, transactionTimeoutMs: 1 },
      itself,
      CLUSTER,
      CLUSTER,
    ),
    define(
      apis.offsetForLeaderEpoch,
      4,
      { replicaId: -1, ...partitions({ currentLeaderEpoch: 0, leaderEpoch: 0 }) },
      inPartition,
      TOPIC,
    ),
    define(
      apis.describeConfigs,
      4,
      { resources: [{ ...config, keys: null }] },
      ({ results }: { results: { errorCode: number }[] }) => one(results).errorCode,
      TOPIC,
    ),
    define(
      apis.describeConfigs,
      4,
      { resources: [{ type: 4, name: '', keys: null }] },
      ({ results }: { results: { errorCode: number }[] }) => one(results).errorCode,
      CLUSTER,
      CLUSTER,
    ),
    define(
      apis.alterConfigs,
      2,
      { resources: [{ ...config, configs: [] }], validateOnly: true },
      ({ responses }: { responses: { errorCode: number }[] }) => one(responses).errorCode,
      TOPIC,
      TOPIC,
    ),
    define(
      apis.createPartitions,
      3,
      { topics: [{ name: topic, count: 2 }], timeoutMs: 1, validateOnly: true },
      ({ results }: { results: { errorCode: number }[] }) => one(results).errorCode,
      TOPIC,
      TOPIC,
    ),
    define(
      apis.deleteGroups,
      2,
      { groups: [group] },
      ({ results }: { results: { errorCode: number }[] }) => one(results).errorCode,
      GROUP,
      GROUP,
    ),
    define(
      apis.incrementalAlterConfigs,
      1,
      { resources: [{ ...config, configs: [] }], validateOnly: true },
      ({ responses }: { responses: { errorCode: number }[] }) => one(responses).errorCode,
      TOPIC,
      TOPIC,
    ),
    define(apis.offsetDelete, 0, { groupId: group, topics: [] }, itself, GROUP, GROUP),
  ];
}

/** Nobody is refused these once in; some answers show less to some. */
const OPEN = [
  apis.apiVersions.key,
  apis.saslHandshake.key,
  apis.saslAuthenticate.key,
  apis.describeCluster.key,
];
/** What it does not show is tested on its own. */
const FILTERED = [apis.listGroups.key];

describe('the rules', () => {
  it('cover every API, and so do the cases below', () => {
    const keys = ALL.map(({ key }) => key).sort((a, b) => a - b);
    expect([...RULES.keys()].sort((a, b) => a - b)).toEqual(keys);
    const tested = casesOf('x', Buffer.alloc(0)).map(({ api }) => api.key);
    expect([...new Set([...tested, ...OPEN, ...FILTERED])].sort((a, b) => a - b)).toEqual(keys);
  });

  it('let no API in that has none', () => {
    const desk = new Desk(new TopicDirectory({} as never), new VirtualCluster({ brokers: 1 }, () => []));
    const api = { key: 999, name: 'New' } as Api;
    expect(() => guarded([{ api, handle: () => ({}) }], desk)).toThrowError(/no rule says who may use New/);
  });

  it('leave everything else that is said of an API as it was', () => {
    const desk = new Desk(new TopicDirectory({} as never), new VirtualCluster({ brokers: 1 }, () => []));
    const produce = {
      api: apis.produce as Api,
      handle: () => ({}),
      overlaps: () => true,
      keepsNoBytes: true,
    };
    const [{ handle, ...rest }] = guarded([produce], desk) as [Route];
    expect({ ...rest, handle: produce.handle }).toEqual(produce);
    expect(handle).not.toBe(produce.handle);
  });
});

describe('rights', () => {
  let embedded: Embedded;
  let records: Buffer;
  const clients: RawClient[] = [];

  beforeEach(async () => {
    const topics = ['open-topic', 'closed-topic'].map((name) => ({ name }));
    embedded = await embed({ users: [READER, OWNER, NOBODY] }, { topics, autoCreateTopics: true });
    records = await makeBatch(embedded.topics, 1);
    for (const group of ['open-group', 'closed-group']) {
      const commit = (topic: string) => ({ topic, partition: 0, offset: 0 });
      await embedded.topics.groups.commitOffsets(group, [commit('open-topic'), commit('closed-topic')]);
    }
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await embedded.app.close();
  });

  async function login(user: { name: string; password: string }): Promise<RawClient> {
    const client = await RawClient.connect(embedded.port);
    clients.push(client);
    await client.call(apis.saslHandshake, 1, { mechanism: 'PLAIN' });
    const authBytes = Buffer.from(`\0${user.name}\0${user.password}`);
    expect((await client.call(apis.saslAuthenticate, 2, { authBytes })).errorCode).toBe(0);
    return client;
  }

  const ask = async (client: RawClient, { api, version, request, code }: Case) =>
    code(await client.call(api, version, request));

  it('refuse what they do not name, with the error of the topic, the group or the cluster', async () => {
    const [reader, nobody, owner] = [await login(READER), await login(NOBODY), await login(OWNER)];
    for (const prefix of ['closed', 'open']) {
      for (const one of casesOf(prefix, records)) {
        const where = `${one.api.name} v${one.version} in ${prefix}`;
        expect(await ask(nobody, one), `nobody: ${where}`).toBe(one.refused);
        const expected = prefix === 'closed' ? one.refused : one.refusedToRead;
        const code = await ask(reader, one);
        if (expected !== undefined) expect(code, `reader: ${where}`).toBe(expected);
        else expect([TOPIC, GROUP, CLUSTER], `reader: ${where}`).not.toContain(code);
      }
    }
    for (const one of casesOf('open', records)) {
      expect([TOPIC, GROUP, CLUSTER], `owner: ${one.api.name}`).not.toContain(await ask(owner, one));
    }
  });

  it('hide what may not be seen', async () => {
    const reader = await login(READER);
    const all = await reader.call(apis.metadata, 12, { topics: null, includeTopicOperations: true });
    expect(all.topics.map(({ name }) => name)).toEqual(['open-topic']);
    const READ_AND_DESCRIBE = (1 << 3) | (1 << 8) | (1 << 10);
    expect(all.topics[0]!.topicOperations).toBe(READ_AND_DESCRIBE);
    const listed = await reader.call(apis.listGroups, 4, {});
    expect(listed.groups.map(({ groupId }) => groupId)).toEqual(['open-group']);
    const offsets = await reader.call(apis.offsetFetch, 7, { groupId: 'open-group', topics: null });
    expect(offsets.topics.map(({ name }) => name)).toEqual(['open-topic']);
    const cluster = await reader.call(apis.describeCluster, 1, { includeClusterOperations: true });
    expect(cluster.clusterOperations).toBe(0);
    const { groups } = await reader.call(apis.describeGroups, 5, {
      groups: ['open-group'],
      includeAuthorizedOperations: true,
    });
    expect(groups[0]!.authorizedOperations).toBe((1 << 3) | (1 << 8));
    // A topic that is there and one that is not look the same.
    const { topics } = await reader.call(apis.metadata, 12, {
      topics: [{ name: 'closed-topic' }, { name: 'closed-nothing' }],
    });
    expect(topics.map(({ errorCode, topicId, partitions }) => [errorCode, topicId, partitions])).toEqual([
      [TOPIC, NO_ID, []],
      [TOPIC, NO_ID, []],
    ]);
    const { id } = embedded.topics.topic('closed-topic');
    const byId = await reader.call(apis.metadata, 12, { topics: [{ topicId: id, name: null }] });
    expect(byId.topics[0]!.errorCode).toBe(100);
    const fetched = await reader.call(apis.fetch, 13, {
      maxWaitMs: 60_000,
      minBytes: 1,
      topics: [{ topicId: id, partitions: [{ index: 0, fetchOffset: 0, maxBytes: 99 }] }],
    });
    expect(fetched.topics[0]!.partitions[0]!.errorCode).toBe(100);
    const deleted = await reader.call(apis.deleteTopics, 6, {
      topics: [{ name: null, topicId: id }],
      timeoutMs: 1,
    });
    expect(deleted.topics[0]!.errorCode).toBe(100);
  });

  it('answer the allowed parts of a request beside the refused ones, in their order', async () => {
    const reader = await login(READER);
    const names = ['closed-topic', 'open-topic', 'closed-topic', 'open-nothing'];
    const { topics } = await reader.call(apis.listOffsets, 7, {
      replicaId: -1,
      topics: names.map((name) => ({ name, partitions: [{ index: 0, timestamp: -1 }] })),
    });
    expect(topics.map(({ name, partitions }) => [name, partitions[0]!.errorCode])).toEqual([
      ['closed-topic', TOPIC],
      ['open-topic', 0],
      ['closed-topic', TOPIC],
      ['open-nothing', 3],
    ]);
  });

  it('create a topic on the way only for whoever may administer it', async () => {
    const create = async (client: RawClient, name: string) =>
      (await client.call(apis.metadata, 12, { topics: [{ name }] })).topics[0]!.errorCode;
    expect(await create(await login(READER), 'open-new')).toBe(TOPIC);
    expect(embedded.topics.hasTopic('open-new')).toBe(false);
    expect(await create(await login(OWNER), 'open-new')).toBe(0);
  });

  it('close the connection of whoever wants no answer to what is refused', async () => {
    const reader = await login(READER);
    const partitions = [{ index: 0, records }];
    reader
      .call(apis.produce, 9, { acks: 0, timeoutMs: 1, topics: [{ name: 'open-topic', partitions }] })
      .catch(() => {});
    await reader.closed;
    expect(embedded.topics.topic('open-topic').partition(0).endOffset).toBe(0);
  });
});
