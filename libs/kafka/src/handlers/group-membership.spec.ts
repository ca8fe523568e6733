import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { joinGroup } from '../protocol/apis/join-group.js';

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

  it('meet in the first generation where the listener waits for them', async () => {
    const { answers, first } = await joinTogether(1_000);
    const second = await answers[1]!;
    expect([first.generationId, second.generationId]).toEqual([1, 1]);
    expect([first, second].map(({ members }) => members.length).sort()).toEqual([0, 2]);
    expect(first.leader).toBe(second.leader);
  });

  it('wait for nobody otherwise', async () => {
    const { answers, first } = await joinTogether();
    expect(first).toMatchObject({ generationId: 1, members: [{ memberId: first.memberId }] });
    answers[1]!.catch(() => {}); // waits for the first to join again
  });
});
