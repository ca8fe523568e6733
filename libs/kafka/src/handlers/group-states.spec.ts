import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { describeGroups } from '../protocol/apis/describe-groups.js';
import { heartbeat } from '../protocol/apis/heartbeat.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { leaveGroup } from '../protocol/apis/leave-group.js';
import { offsetCommit } from '../protocol/apis/offset-commit.js';
import { syncGroup } from '../protocol/apis/sync-group.js';
import { ErrorCode } from '../protocol/error-codes.js';

const {
  NONE,
  ILLEGAL_GENERATION,
  INCONSISTENT_GROUP_PROTOCOL,
  INVALID_GROUP_ID,
  UNKNOWN_MEMBER_ID,
  REBALANCE_IN_PROGRESS,
  FENCED_INSTANCE_ID,
} = ErrorCode;
const INSTANCE = 'one';
const SHARE = Buffer.from('share');
const METADATA = Buffer.from('metadata');
/** The last version in which a member joins without having been told its id first. */
const JOINS_AT_ONCE = 3;

/** The identity that a request claims. The group's member is static, and in generation 1. */
interface Asking {
  readonly memberId: string;
  readonly generationId: number;
  readonly groupInstanceId: string | null;
}

// A Kafka broker's answers to each kind of client in each state of a group.
describe('in every state of a group', () => {
  let embedded: Embedded;
  let client: RawClient;
  let other: RawClient;
  let memberId = '';

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 't' }] });
    client = await RawClient.connect(embedded.port);
    other = await RawClient.connect(embedded.port);
    memberId = 'gone-since';
  });
  afterEach(async () => {
    client.end();
    other.end();
    await embedded.app.close();
  });

  const joinAs = (by: RawClient, version: number, given: object = {}, groupId = 'g') =>
    by.call(joinGroup, version, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: METADATA }],
      reason: null,
      ...given,
    });
  const syncAs = async (asking: Asking, groupId = 'g') => {
    const assignments = [{ memberId: asking.memberId, assignment: SHARE }];
    const request = { groupId, ...asking, protocolType: 'consumer', protocolName: 'range', assignments };
    return (await client.call(syncGroup, 5, request)).errorCode;
  };
  const beatAs = async (asking: Asking, groupId = 'g') =>
    (await client.call(heartbeat, 4, { groupId, ...asking })).errorCode;
  const commitAs = async (asking: Asking, groupId = 'g') => {
    const partitions = [{ index: 0, committedOffset: 0, metadata: null }];
    const { topics } = await client.call(offsetCommit, 9, {
      groupId,
      ...asking,
      topics: [{ name: 't', partitions }],
    });
    return topics[0]!.partitions[0]!.errorCode;
  };
  const leaveAs = async (asking: Omit<Asking, 'generationId'>, groupId = 'g') => {
    const members = [{ ...asking, reason: null }];
    const answer = await client.call(leaveGroup, 5, { groupId, members });
    return answer.errorCode || answer.members[0]!.errorCode;
  };

  const reach = {
    Dead: async () => {},
    Empty: async () => {
      await embedded.topics.groups.commitOffsets('g', [{ topic: 't', partition: 0, offset: 0 }]);
    },
    CompletingRebalance: async () => {
      ({ memberId } = await joinAs(client, 5, { groupInstanceId: INSTANCE }));
    },
    Stable: async () => {
      await reach.CompletingRebalance();
      await syncAs(member());
    },
    PreparingRebalance: async () => {
      await reach.Stable();
      joinAs(other, JOINS_AT_ONCE).catch(() => {});
      while ((await described()).state !== 'PreparingRebalance');
    },
  };
  type State = keyof typeof reach;

  const member = (): Asking => ({ memberId, generationId: 1, groupInstanceId: INSTANCE });
  const described = async () =>
    (await client.call(describeGroups, 5, { groups: ['g'], includeAuthorizedOperations: false })).groups[0]!;
  const who = (): Record<string, Asking> => ({
    member: member(),
    'member, without its instance id': { ...member(), groupInstanceId: null },
    'member of an older generation': { ...member(), generationId: 0 },
    'member, without a generation': { ...member(), generationId: -1 },
    'unknown member': { memberId: 'nobody', generationId: 1, groupInstanceId: null },
    'its instance id with another member id': { ...member(), memberId: 'nobody' },
    'another instance id': { ...member(), groupInstanceId: 'another' },
    'no member, without a generation': { memberId: '', generationId: -1, groupInstanceId: null },
  });

  /** The expected codes, in the order of {@link who}. */
  const table: [State, string, (asking: Asking) => Promise<number>, number[]][] = [];
  const row = (state: State, request: string, ask: (asking: Asking) => Promise<number>, codes: number[]) =>
    table.push([state, request, ask, codes]);
  const [ill, unknown, fenced, busy] = [
    ILLEGAL_GENERATION,
    UNKNOWN_MEMBER_ID,
    FENCED_INSTANCE_ID,
    REBALANCE_IN_PROGRESS,
  ];
  const nobodyIsMember = Array.from({ length: 8 }, () => unknown);
  for (const state of ['Dead', 'Empty'] as const) {
    row(state, 'Heartbeat', beatAs, nobodyIsMember);
    row(state, 'SyncGroup', syncAs, nobodyIsMember);
    row(state, 'LeaveGroup', leaveAs, nobodyIsMember);
    row(state, 'OffsetCommit', commitAs, [unknown, unknown, unknown, NONE, unknown, unknown, unknown, NONE]);
  }
  const asMember = (code: number) => [code, code, ill, ill, unknown, fenced, unknown, unknown];
  row('PreparingRebalance', 'Heartbeat', beatAs, asMember(busy));
  row('PreparingRebalance', 'SyncGroup', syncAs, asMember(busy));
  row('PreparingRebalance', 'OffsetCommit', commitAs, asMember(NONE));
  row('CompletingRebalance', 'Heartbeat', beatAs, asMember(NONE));
  row('CompletingRebalance', 'OffsetCommit', commitAs, asMember(busy));
  row('Stable', 'Heartbeat', beatAs, asMember(NONE));
  row('Stable', 'SyncGroup', syncAs, asMember(NONE));
  row('Stable', 'OffsetCommit', commitAs, asMember(NONE));

  it.each(table)('%s: %s', async (state, _request, ask, codes) => {
    await reach[state]();
    const answers: Record<string, number> = {};
    for (const [name, asking] of Object.entries(who())) answers[name] = await ask(asking);
    const names = Object.keys(answers);
    expect(answers).toEqual(Object.fromEntries(names.map((name, i) => [name, codes[i]])));
  });

  it.each(['PreparingRebalance', 'CompletingRebalance', 'Stable'] as const)(
    '%s: LeaveGroup',
    async (state) => {
      await reach[state]();
      expect(await leaveAs({ memberId: 'nobody', groupInstanceId: null })).toBe(unknown);
      expect(await leaveAs({ memberId: 'nobody', groupInstanceId: INSTANCE })).toBe(fenced);
      expect(await leaveAs({ memberId, groupInstanceId: 'another' })).toBe(unknown);
      expect(await leaveAs({ memberId: '', groupInstanceId: INSTANCE })).toBe(NONE);
      expect(await leaveAs({ memberId, groupInstanceId: null })).toBe(unknown);
    },
  );

  it('CompletingRebalance: SyncGroup of clients that are refused, then of the leader', async () => {
    await reach.CompletingRebalance();
    const { member: leader, 'member, without its instance id': _, ...others } = who();
    const codes: number[] = [];
    for (const asking of Object.values(others)) codes.push(await syncAs(asking));
    expect(codes).toEqual([ill, ill, unknown, fenced, unknown, unknown]);
    expect(await syncAs(leader!)).toBe(NONE);
  });

  it.each(Object.keys(reach) as State[])('%s: JoinGroup', async (state) => {
    await reach[state]();
    const codeOf = async (given: object) => (await joinAs(client, 5, given)).errorCode;
    const hasMembers = state !== 'Dead' && state !== 'Empty';
    expect(await codeOf({ memberId: 'nobody' })).toBe(unknown);
    expect(await codeOf({ protocols: [] })).toBe(INCONSISTENT_GROUP_PROTOCOL);
    expect(await codeOf({ protocolType: '' })).toBe(INCONSISTENT_GROUP_PROTOCOL);
    if (!hasMembers) {
      expect(await codeOf({ protocolType: 'connect' })).toBe(ErrorCode.MEMBER_ID_REQUIRED);
      return;
    }
    expect(await codeOf({ memberId: 'nobody', groupInstanceId: INSTANCE })).toBe(fenced);
    expect(await codeOf({ protocolType: 'connect' })).toBe(INCONSISTENT_GROUP_PROTOCOL);
    expect(await codeOf({ protocolType: 'connect', memberId })).toBe(INCONSISTENT_GROUP_PROTOCOL);
    const protocols = [{ name: 'other', metadata: METADATA }];
    expect(await codeOf({ protocols })).toBe(INCONSISTENT_GROUP_PROTOCOL);
  });

  it.each(Object.keys(reach) as State[])('%s: DescribeGroups', async (state) => {
    await reach[state]();
    const group = await described();
    expect(group.state).toBe(state);
    expect(group.errorCode).toBe(NONE);
    const isStable = state === 'Stable';
    expect(group.protocolData).toBe(isStable ? 'range' : '');
    for (const { metadata, assignment } of group.members) {
      expect(metadata).toEqual(isStable ? METADATA : Buffer.alloc(0));
      expect(assignment).toEqual(isStable ? SHARE : Buffer.alloc(0));
    }
  });

  it('no group has an empty name', async () => {
    const asking = who().member!;
    expect((await joinAs(client, 5, { sessionTimeoutMs: 1 }, '')).errorCode).toBe(INVALID_GROUP_ID);
    expect(await syncAs(asking, '')).toBe(INVALID_GROUP_ID);
    expect(await beatAs(asking, '')).toBe(INVALID_GROUP_ID);
    expect(await leaveAs(asking, '')).toBe(INVALID_GROUP_ID);
    expect((await client.call(leaveGroup, 2, { groupId: '', memberId, members: [] })).errorCode).toBe(
      INVALID_GROUP_ID,
    );
    expect(await commitAs(asking, '')).toBe(INVALID_GROUP_ID);
  });
});
