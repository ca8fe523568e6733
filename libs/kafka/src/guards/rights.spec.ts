import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { casesOf, CLUSTER, GROUP, type RightsCase, TOPIC } from '../__fixtures__/rights-cases.js';
import * as apis from '../protocol/apis/index.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';

/** A user that may read everything that begins with `open`, and nothing else. */
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

  const ask = async (client: RawClient, { api, version, request, code }: RightsCase) =>
    code(await client.call(api, version, request));

  it('refuse everything that they do not grant, with the error of the topic, the group or the cluster', async () => {
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

  it('hide topics and groups without any right', async () => {
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
    // An existing topic and a missing one look the same.
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

  it('answer the allowed and the refused parts of a request in order', async () => {
    const reader = await login(READER);
    const names = ['closed-topic', 'open-topic', 'closed-nothing', 'open-nothing'];
    const { topics } = await reader.call(apis.listOffsets, 7, {
      replicaId: -1,
      topics: names.map((name) => ({ name, partitions: [{ index: 0, timestamp: -1 }] })),
    });
    expect(topics.map(({ name, partitions }) => [name, partitions[0]!.errorCode])).toEqual([
      ['closed-topic', TOPIC],
      ['open-topic', 0],
      ['closed-nothing', TOPIC],
      ['open-nothing', 3],
    ]);
  });

  it('auto-create a topic only for users with admin on it', async () => {
    const create = async (client: RawClient, name: string) =>
      (await client.call(apis.metadata, 12, { topics: [{ name }] })).topics[0]!.errorCode;
    expect(await create(await login(READER), 'open-new')).toBe(TOPIC);
    expect(embedded.topics.hasTopic('open-new')).toBe(false);
    expect(await create(await login(OWNER), 'open-new')).toBe(0);
  });

  it('report a missing topic as missing if it would not be auto-created', async () => {
    await embedded.app.close();
    embedded = await embed({ users: [READER, OWNER] }, { autoCreateTopics: false });
    const reader = await login(READER);
    const { topics } = await reader.call(apis.metadata, 12, {
      topics: [{ name: 'open-new' }, { name: 'closed-new' }],
    });
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([3, TOPIC]);
    const resources = [{ type: 4, name: '', keys: ['auto.create.topics.enable'] }];
    const { results } = await (await login(OWNER)).call(apis.describeConfigs, 1, { resources });
    expect(results[0]!.configs[0]!.value).toBe('false');
  });

  describe('that are revoked while a poll waits', () => {
    const LAST = { ...OWNER, rights: [{ topics: ['open*'], allow: ['read'] as const }] };
    const USERS = { 'by a reload without them': [LAST], 'with their user': [READER] };

    it.each([
      [12, 'by a reload without them', TOPIC],
      [12, 'with their user', TOPIC],
      // The same error as for an unknown UUID.
      [17, 'by a reload without them', 100],
      [17, 'with their user', 100],
    ] as const)('make it answer with an error and no records (version %i, %s)', async (version, by, code) => {
      const owner = await login(OWNER);
      const { id } = embedded.topics.topic('closed-topic');
      const polled = owner.call(apis.fetch, version, {
        maxWaitMs: 60_000,
        minBytes: 1,
        topics: [
          { name: 'closed-topic', topicId: id, partitions: [{ index: 0, fetchOffset: 0, maxBytes: 9_999 }] },
        ],
      });
      // Pipelined requests are served with the rights at that time; one of a removed user ends the connection.
      const seen = owner.call(apis.metadata, 9, { topics: null }).then(
        ({ topics }) => topics.map(({ name }) => name),
        () => [],
      );
      await (await login(OWNER)).call(apis.metadata, 9, { topics: [] });
      await embedded.listener.reload({ users: [...USERS[by]] });
      await embedded.topics.publish('closed-topic', { value: 'secret' });
      const { errorCode, records } = (await polled).topics[0]!.partitions[0]!;
      expect([errorCode, records!.length]).toEqual([code, 0]);
      expect(await seen).toEqual(by === 'with their user' ? [] : ['open-topic']);
    });
  });

  it('close the connection if a request with acks=0 is refused', async () => {
    const reader = await login(READER);
    const partitions = [{ index: 0, records }];
    reader
      .call(apis.produce, 9, { acks: 0, timeoutMs: 1, topics: [{ name: 'open-topic', partitions }] })
      .catch(() => {});
    await reader.closed;
    expect(embedded.topics.topic('open-topic').partition(0).endOffset).toBe(0);
  });
});
