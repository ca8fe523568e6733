import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { deleteRecords } from '../protocol/apis/delete-records.js';
import { describeCluster } from '../protocol/apis/describe-cluster.js';
import { describeConfigs } from '../protocol/apis/describe-configs.js';
import { fetch } from '../protocol/apis/fetch.js';
import { findCoordinator } from '../protocol/apis/find-coordinator.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { listOffsets } from '../protocol/apis/list-offsets.js';
import { metadata } from '../protocol/apis/metadata.js';
import { offsetForLeaderEpoch } from '../protocol/apis/offset-for-leader-epoch.js';
import { syncGroup } from '../protocol/apis/sync-group.js';
import { ErrorCode } from '../protocol/error-codes.js';

const NOBODYS_ID = '7c3a2a39-64e6-4d0f-9a0e-3a3c6f6d2f10';

// Rare requests, answered as a Kafka broker answers them.
describe('the fine print of', () => {
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed({ autoCreateTopics: false }, { topics: [{ name: 't' }] });
    await embedded.topics.publish('t', { value: 1 });
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  describe('Fetch', () => {
    const ask = (session: { sessionId: number; sessionEpoch: number }, partition = {}, name = 't') => {
      const partitions = [{ index: 0, fetchOffset: 0, maxBytes: 1_000, ...partition }];
      return client.call(fetch, 11, {
        maxWaitMs: 0,
        minBytes: 1,
        ...session,
        topics: [{ name, partitions }],
      });
    };

    it('continuing a session fails; a request that starts or ends one is answered in full', async () => {
      const goesOn = await ask({ sessionId: 9, sessionEpoch: 3 });
      expect(goesOn).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, topics: [] });
      for (const session of [
        { sessionId: 0, sessionEpoch: 0 },
        { sessionId: 9, sessionEpoch: 0 },
        { sessionId: 9, sessionEpoch: -1 },
      ]) {
        const answer = await ask(session);
        expect(answer).toMatchObject({ errorCode: 0, sessionId: 0 });
        expect(answer.topics[0]!.partitions[0]!.records!.length).toBeGreaterThan(0);
      }
    });

    it('an unknown topic is reported before a wrong leader epoch', async () => {
      const whole = { sessionId: 0, sessionEpoch: -1 };
      const codeOf = async (name: string) =>
        (await ask(whole, { currentLeaderEpoch: 7 }, name)).topics[0]!.partitions[0]!.errorCode;
      expect(await codeOf('nowhere')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      expect(await codeOf('t')).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    });
  });

  it('ListOffsets: a special timestamp works from its first version on, and is refused before', async () => {
    const ask = async (version: number, timestamp: number) => {
      const topics = [{ name: 't', partitions: [{ index: 0, timestamp }] }];
      const { errorCode, offset } = (await client.call(listOffsets, version, { topics })).topics[0]!
        .partitions[0]!;
      return { errorCode, offset };
    };
    const refused = { errorCode: ErrorCode.UNSUPPORTED_VERSION, offset: -1 };
    expect(await ask(1, -1)).toEqual({ errorCode: 0, offset: 1 });
    expect(await ask(1, -2)).toEqual({ errorCode: 0, offset: 0 });
    expect(await ask(6, -3)).toEqual(refused);
    expect(await ask(7, -3)).toEqual({ errorCode: 0, offset: 0 });
    expect(await ask(7, -4)).toEqual(refused);
    expect(await ask(8, -4)).toEqual({ errorCode: 0, offset: 0 });
    expect(await ask(8, -5)).toEqual(refused);
    expect(await ask(9, -5)).toEqual({ errorCode: 0, offset: -1 });
    expect(await ask(9, -6)).toEqual(refused);
  });

  it('ListOffsets: a search by time ends when its client disconnects', async () => {
    const partition = embedded.topics.topic('t').partition(0);
    const begun = new Promise<AbortSignal>((resolve) => {
      partition.offsetForTimestamp = (_time, signal) => {
        resolve(signal!);
        return new Promise((found) => signal!.addEventListener('abort', () => found(null)));
      };
    });
    const topics = [{ name: 't', partitions: [{ index: 0, timestamp: 5 }] }];
    client.call(listOffsets, 1, { topics }).catch(() => {});
    const signal = await begun;
    client.end();
    await expect.poll(() => signal.aborted).toBe(true);
  });

  it.each([10, 11, 12])('Metadata %i: an unknown UUID gets an answer without a name', async (version) => {
    const { topics } = await client.call(metadata, version, {
      topics: [{ topicId: NOBODYS_ID, name: null }],
    });
    const name = version < 12 ? '' : null;
    expect(topics).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, topicId: NOBODYS_ID, name }]);
  });

  it('FindCoordinator: transactions and unknown key types have no coordinator', async () => {
    const ask = async (keyType: number) =>
      (await client.call(findCoordinator, 6, { keyType, keys: ['k'] })).coordinators[0]!.errorCode;
    expect(await ask(0)).toBe(0);
    expect(await ask(1)).toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    expect(await ask(2)).toBe(ErrorCode.INVALID_REQUEST);
  });

  it('SyncGroup 5: a member must name its protocol', async () => {
    const group = { groupId: 'g', protocolType: 'consumer' };
    const member = await client.call(joinGroup, 3, {
      ...group,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    });
    const ask = async (version: number, protocols: object) => {
      const { memberId, generationId } = member;
      const request = { ...group, protocolType: null, ...protocols, memberId, generationId };
      return (await client.call(syncGroup, version, request)).errorCode;
    };
    expect(await ask(5, {})).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(await ask(5, { protocolType: 'consumer', protocolName: 'other' })).toBe(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    );
    expect(await ask(5, { protocolType: 'consumer', protocolName: 'range' })).toBe(0);
    expect(await ask(4, {})).toBe(0);
  });

  it('DescribeConfigs: an empty list of names means all', async () => {
    const ask = async (keys: string[] | null) => {
      const { results } = await client.call(describeConfigs, 4, {
        resources: [{ type: 2, name: 't', keys }],
      });
      return results[0]!.configs.map(({ name }) => name);
    };
    expect(await ask(['cleanup.policy'])).toEqual(['cleanup.policy']);
    expect((await ask(null)).length).toBeGreaterThan(5);
    expect(await ask([])).toEqual(await ask(null));
  });

  it('OffsetForLeaderEpoch: the only epoch ends with the log; others are unknown', async () => {
    const ask = async (leaderEpoch: number, currentLeaderEpoch = 0) => {
      const partitions = [{ index: 0, currentLeaderEpoch, leaderEpoch }];
      const answer = await client.call(offsetForLeaderEpoch, 4, { topics: [{ name: 't', partitions }] });
      const { errorCode, endOffset } = answer.topics[0]!.partitions[0]!;
      return { errorCode, endOffset };
    };
    expect(await ask(0)).toEqual({ errorCode: 0, endOffset: 1 });
    expect(await ask(0, -1)).toEqual({ errorCode: 0, endOffset: 1 });
    expect(await ask(-1)).toEqual({ errorCode: 0, endOffset: -1 });
    expect(await ask(3)).toEqual({ errorCode: 0, endOffset: -1 });
    expect(await ask(0, 3)).toEqual({ errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH, endOffset: -1 });
  });

  it('DeleteRecords: -1 means the end; other negative offsets, and those past the end, are refused', async () => {
    const ask = async (offset: number) => {
      const topics = [{ name: 't', partitions: [{ index: 0, offset }] }];
      const answer = await client.call(deleteRecords, 2, { topics, timeoutMs: 1_000 });
      const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!;
      return { errorCode, lowWatermark };
    };
    const refused = { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, lowWatermark: -1 };
    expect(await ask(-2)).toEqual(refused);
    expect(await ask(2)).toEqual(refused);
    expect(await ask(0)).toEqual({ errorCode: 0, lowWatermark: 0 });
    expect(await ask(-1)).toEqual({ errorCode: 0, lowWatermark: 1 });
    expect(await ask(-1)).toEqual({ errorCode: 0, lowWatermark: 1 });
    expect(await ask(0)).toEqual({ errorCode: 0, lowWatermark: 1 });
  });

  it('DescribeCluster: only broker endpoints are served', async () => {
    const ask = async (endpointType: number) =>
      (await client.call(describeCluster, 1, { includeClusterOperations: false, endpointType })).errorCode;
    expect(await ask(1)).toBe(0);
    expect(await ask(2)).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE);
    expect(await ask(3)).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE);
  });
});
