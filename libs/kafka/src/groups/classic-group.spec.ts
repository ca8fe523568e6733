import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ClassicGroups } from './classic-groups.js';
import type { JoinRequest } from './classic-group.types.js';

const LIMITS = {
  minSessionTimeoutMs: 100,
  maxSessionTimeoutMs: 60_000,
  initialRebalanceDelayMs: 0,
  maxGroupMembers: 3,
  maxGroups: 2,
};

describe('a group in the classic protocol', () => {
  let groups: ClassicGroups;

  beforeEach(() => {
    vi.useFakeTimers();
    groups = new ClassicGroups(LIMITS, (name) => name === 'taken');
  });
  afterEach(() => {
    groups.close();
    vi.useRealTimers();
  });

  const request = (given: Partial<JoinRequest> = {}): JoinRequest => ({
    memberId: '',
    groupInstanceId: null,
    sessionTimeoutMs: 1_000,
    rebalanceTimeoutMs: 5_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    clientId: 'test',
    clientHost: '/127.0.0.1',
    needsKnownId: false,
    canSkipAssignment: false,
    ...given,
  });
  const join = (given?: Partial<JoinRequest>, group = 'g') => groups.join(group, request(given));
  const identity = (memberId: string, generationId: number, groupInstanceId: string | null = null) => ({
    memberId,
    generationId,
    groupInstanceId,
  });
  const sync = (memberId: string, generationId: number, shares: Record<string, string> = {}) =>
    groups.sync('g', {
      ...identity(memberId, generationId),
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(shares).map(([id, share]) => ({
        memberId: id,
        assignment: Buffer.from(share),
      })),
    });
  const beat = (memberId: string, generationId: number) =>
    groups.heartbeat('g', identity(memberId, generationId));

  /** A leader and a follower that are settled in generation 2. */
  async function settledPair() {
    const first = await join();
    await sync(first.memberId, 1, { [first.memberId]: 'all' });
    const secondJoins = join();
    const leader = await join({ memberId: first.memberId });
    const follower = await secondJoins;
    const share = sync(follower.memberId, 2);
    await sync(leader.memberId, 2, { [leader.memberId]: 'a', [follower.memberId]: 'b' });
    expect((await share).assignment.toString()).toBe('b');
    return { leader: leader.memberId, follower: follower.memberId };
  }

  it('gives a new member its id first, where it can take that', async () => {
    const told = await join({ needsKnownId: true });
    expect(told.errorCode).toBe(79);
    const joined = await join({ needsKnownId: true, memberId: told.memberId });
    expect(joined).toMatchObject({
      errorCode: 0,
      generationId: 1,
      leader: told.memberId,
      protocolName: 'range',
    });
  });

  it('tells members to the leader alone, and hands its shares out', async () => {
    const { leader, follower } = await settledPair();
    expect(groups.describe('g')).toMatchObject({ state: 'Stable', protocolName: 'range' });
    expect(beat(leader, 2)).toBe(0);
    expect(beat(follower, 1)).toBe(22);
    expect(beat('nobody', 2)).toBe(25);
    expect((await sync(follower, 2)).assignment.toString()).toBe('b');
  });

  it('gives an empty share, not null, to whom the leader forgot', async () => {
    const { memberId } = await join();
    expect((await sync(memberId, 1)).assignment).toEqual(Buffer.alloc(0));
  });

  it('lets a follower that asks again stay, and begins anew for the leader', async () => {
    const { leader, follower } = await settledPair();
    expect(await join({ memberId: follower })).toMatchObject({ errorCode: 0, generationId: 2, members: [] });
    void join({ memberId: leader });
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    expect(beat(follower, 2)).toBe(27);
    expect((await sync(follower, 2)).errorCode).toBe(27);
  });

  it('begins anew when a member leaves, or is silent for too long', async () => {
    const { leader, follower } = await settledPair();
    expect(groups.leave('g', { memberId: follower, groupInstanceId: null })).toBe(0);
    expect(beat(leader, 2)).toBe(27);
    expect(await join({ memberId: leader })).toMatchObject({ generationId: 3 });
    await sync(leader, 3);
    vi.advanceTimersByTime(1_001);
    expect(groups.names()).toEqual([]);
    expect(beat(leader, 3)).toBe(25);
  });

  it('goes on without members that do not join in time', async () => {
    const { leader } = await settledPair();
    const joining = join({ memberId: leader, sessionTimeoutMs: 60_000 });
    vi.advanceTimersByTime(5_001);
    expect(await joining).toMatchObject({ generationId: 3, leader });
    expect(groups.describe('g')!.members).toHaveLength(1);
  });

  it('goes on without a leader that never shares out', async () => {
    const secondJoins = join();
    const first = await secondJoins;
    const third = join({ sessionTimeoutMs: 60_000 });
    await join({ memberId: first.memberId, sessionTimeoutMs: 60_000 });
    const follower = await third;
    const share = sync(follower.memberId, 2);
    vi.advanceTimersByTime(5_001);
    expect((await share).errorCode).toBe(27);
    expect(await join({ memberId: follower.memberId })).toMatchObject({
      leader: follower.memberId,
      generationId: 3,
    });
  });

  it('takes the protocol all know and most prefer; a member that shares none stays out', async () => {
    const protocols = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.alloc(0) }));
    const first = await join({ protocols: protocols('a', 'b') });
    const second = join({ protocols: protocols('b') });
    const again = await join({ memberId: first.memberId, protocols: protocols('a', 'b') });
    expect(again.protocolName).toBe('b');
    await second;
    expect((await join({ protocols: protocols('c') })).errorCode).toBe(23);
    expect((await join({ protocolType: 'connect' })).errorCode).toBe(23);
    expect((await join({ protocols: [] })).errorCode).toBe(23);
  });

  it('keeps the share of a static member that comes back, and fences its old self', async () => {
    const old = await join({ groupInstanceId: 'one' });
    await sync(old.memberId, 1, { [old.memberId]: 'all' });
    const back = await join({ groupInstanceId: 'one' });
    expect(back).toMatchObject({ errorCode: 0, generationId: 1, members: [] });
    expect(back.memberId).not.toBe(old.memberId);
    expect(back.leader).toBe(old.memberId);
    expect((await sync(back.memberId, 1)).assignment.toString()).toBe('all');
    expect(groups.heartbeat('g', identity(old.memberId, 1, 'one'))).toBe(82);
    const skipping = await join({ groupInstanceId: 'one', canSkipAssignment: true });
    expect(skipping).toMatchObject({ skipAssignment: true, leader: skipping.memberId, generationId: 1 });
    expect(groups.leave('g', { memberId: '', groupInstanceId: 'one' })).toBe(0);
    expect(groups.names()).toEqual([]);
  });

  it('lets only members commit, in their generation, once shares are out', async () => {
    const commit = (memberId: string, generationId: number) =>
      groups.checkCommit('g', identity(memberId, generationId));
    expect(commit('', -1)).toBe(0);
    const { memberId } = await join();
    expect(commit(memberId, 1)).toBe(27);
    expect(commit('', -1)).toBe(25);
    await sync(memberId, 1);
    expect(commit(memberId, 1)).toBe(0);
    expect(commit(memberId, 0)).toBe(22);
  });

  it('refuses what its limits do not allow', async () => {
    expect((await join({ sessionTimeoutMs: 1 })).errorCode).toBe(26);
    expect((await join({}, '')).errorCode).toBe(24);
    expect((await join({}, 'taken')).errorCode).toBe(23);
    expect((await join({ memberId: 'unknown' })).errorCode).toBe(25);
    expect((await join({ protocols: [{ name: 'a', metadata: Buffer.alloc(2_000_000) }] })).errorCode).toBe(
      81,
    );
    for (let i = 0; i < 3; i++) void join();
    expect((await join()).errorCode).toBe(81);
    void join({}, 'second');
    expect((await join({}, 'third')).errorCode).toBe(81);
    expect(groups.names()).toEqual(['g', 'second']);
  });

  it('waits for further members of an empty group, where it is told to', async () => {
    groups = new ClassicGroups({ ...LIMITS, initialRebalanceDelayMs: 500 }, () => false);
    const joins = [join(), join()];
    vi.advanceTimersByTime(499);
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    vi.advanceTimersByTime(1);
    const results = await Promise.all(joins);
    expect(results.map(({ generationId }) => generationId)).toEqual([1, 1]);
    expect(results[0]!.members).toHaveLength(2);
  });

  it('answers whoever waits when it closes', async () => {
    const { memberId } = await join();
    const waiting = join();
    groups.close();
    expect((await waiting).errorCode).toBe(16);
    expect(beat(memberId, 1)).toBe(16);
    expect((await join()).errorCode).toBe(16);
  });
});
