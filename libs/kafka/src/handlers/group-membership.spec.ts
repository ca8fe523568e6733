import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { consumerGroupHeartbeat } from '../protocol/apis/consumer-group-heartbeat.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { ErrorCode } from '../protocol/error-codes.js';

/** The last version in which a member joins without having been told its id first. */
const JOINS_AT_ONCE = 3;

describe('the first members of a group', () => {
  let embedded: Embedded;
  let clients: RawClient[];

  afterEach(async () => {
    for (const client of clients) client.end();
    await embedded.app.close();
  });

  async function joinTogether(initialRebalanceDelayMs?: number) {
    embedded = await embed({ initialRebalanceDelayMs });
    clients = await Promise.all([0, 1].map(() => RawClient.connect(embedded.port)));
    const answers = clients.map((client) =>
      client.call(joinGroup, JOINS_AT_ONCE, {
        groupId: 'g',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId: '',
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'a', metadata: Buffer.alloc(0) }],
        reason: null,
      }),
    );
    return { answers, first: await answers[0]! };
  }

  it('meet in the first generation if the listener waits for them', async () => {
    const { answers, first } = await joinTogether(1_000);
    const second = await answers[1]!;
    expect([first.generationId, second.generationId]).toEqual([1, 1]);
    expect([first, second].map(({ members }) => members.length).sort()).toEqual([0, 2]);
    expect(first.leader).toBe(second.leader);
  });

  it('do not wait otherwise', async () => {
    const { answers, first } = await joinTogether();
    expect(first).toMatchObject({ generationId: 1, members: [{ memberId: first.memberId }] });
    answers[1]!.catch(() => {}); // waits for the first to join again
  });
});

describe('the consumer protocol of KIP-848', () => {
  it.each([0, 1])('is refused with a hint at the classic protocol, in version %i', async (version) => {
    const embedded = await embed();
    const client = await RawClient.connect(embedded.port);
    const { apiKeys } = await client.call(apiVersions, 0, {});
    // If the API is not listed, librdkafka reports nothing at all.
    expect(apiKeys).toContainEqual({ apiKey: consumerGroupHeartbeat.key, minVersion: 0, maxVersion: 1 });
    const answer = await client.call(consumerGroupHeartbeat, version, {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      rebalanceTimeoutMs: 45_000,
      subscribedTopicNames: ['t'],
      topicPartitions: [],
    });
    expect(answer).toMatchObject({
      errorCode: ErrorCode.UNSUPPORTED_VERSION,
      errorMessage: expect.stringContaining('group.protocol') as string,
    });
    client.end();
    await embedded.app.close();
  });
});
