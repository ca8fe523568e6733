import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import * as apis from '../protocol/apis/index.js';
import { ErrorCode } from '../protocol/error-codes.js';

/** Versions that clients of Kafka 0.9 to 2 use without checking what is served. */
describe('requests of old clients', () => {
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 'orders', partitions: 2 }] });
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const commit = (version: number, committedOffset: number) =>
    client.call(apis.offsetCommit, version, {
      groupId: 'billing',
      groupInstanceId: null,
      topics: [{ name: 'orders', partitions: [{ index: 1, committedOffset, metadata: 'mine' }] }],
    });
  const committed = async (version: number) => {
    const wanted = { groupId: 'billing', topics: [{ name: 'orders', partitions: [0, 1] }] };
    const { topics } = await client.call(apis.offsetFetch, version, wanted);
    return topics[0]!.partitions.map(({ committedOffset }) => committedOffset);
  };

  // Sarama commits in version 1 whatever the broker advertises, and continues without the commit if it is refused.
  it.each([0, 1])('commit offsets in version %i', async (version) => {
    const { topics } = await commit(version, 7);

    expect(topics).toEqual([{ name: 'orders', partitions: [{ index: 1, errorCode: ErrorCode.NONE }] }]);
    expect(await committed(0)).toEqual([-1, 7]);
  });

  it.each([0, 1])('create topics in version %i', async (version) => {
    const topic = { name: `new-${version}`, numPartitions: 3, replicationFactor: 1 };

    const { topics } = await client.call(apis.createTopics, version, { topics: [topic], timeoutMs: 1_000 });

    expect(topics).toMatchObject([{ name: topic.name, errorCode: ErrorCode.NONE }]);
    expect(embedded.topics.topic(topic.name).partitionCount).toBe(3);
  });

  it('delete topics in version 0', async () => {
    const { topics } = await client.call(apis.deleteTopics, 0, { names: ['orders'], timeoutMs: 1_000 });

    expect(topics).toMatchObject([{ name: 'orders', errorCode: ErrorCode.NONE }]);
    expect(embedded.topics.listTopics()).toEqual([]);
  });

  it('see which values are defaults in version 0 of DescribeConfigs', async () => {
    const resources = [{ type: 2, name: 'orders', keys: ['cleanup.policy'] }];

    const { results } = await client.call(apis.describeConfigs, 0, { resources });

    expect(results[0]!.configs).toMatchObject([{ name: 'cleanup.policy', isDefault: true }]);
  });

  it('find the end of an epoch in version 0', async () => {
    await embedded.topics.topic('orders').publishBatch([{ partition: 0, value: 1 }]);
    const partitions = [{ index: 0, leaderEpoch: 0 }];

    const answer = await client.call(apis.offsetForLeaderEpoch, 0, {
      topics: [{ name: 'orders', partitions }],
    });

    expect(answer.topics[0]!.partitions).toMatchObject([{ errorCode: ErrorCode.NONE, endOffset: 1 }]);
  });
});

describe('a transactional producer', () => {
  const TRANSACTION = 1;

  it('is refused with the error that every client takes as final', async () => {
    const embedded = await embed();
    const client = await RawClient.connect(embedded.port);
    const refused = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    const producer = { transactionalId: 'payments', transactionTimeoutMs: 1_000 };

    const one = await client.call(apis.findCoordinator, 2, { key: 'payments', keyType: TRANSACTION });
    const many = await client.call(apis.findCoordinator, 4, { keys: ['payments'], keyType: TRANSACTION });
    const id = await client.call(apis.initProducerId, 4, producer);

    expect(one).toMatchObject({ errorCode: refused, errorMessage: 'transactions are not supported' });
    expect(many.coordinators).toMatchObject([{ key: 'payments', errorCode: refused }]);
    expect(id).toMatchObject({ errorCode: refused });
    client.end();
    await embedded.app.close();
  });
});
