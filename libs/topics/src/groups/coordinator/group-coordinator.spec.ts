import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coded, outcome } from '../../__fixtures__/waiting.js';
import { joinRequest, syncRequest } from '../../__fixtures__/wire-member.js';
import { GroupCoordinator } from './group-coordinator.js';
import type { MemberIdRequiredError } from './membership-errors.js';
import type { JoinRequest } from './membership.types.js';

const LIMITS = { maxGroupMembers: 3, maxGroups: 2 };

describe('a group in the classic protocol', () => {
  let groups: GroupCoordinator;

  beforeEach(() => {
    vi.useFakeTimers();
    groups = new GroupCoordinator(LIMITS);
  });
  afterEach(() => {
    groups.close();
    vi.useRealTimers();
  });

  const join = (given?: Partial<JoinRequest>, group = 'g') => groups.join(group, joinRequest(given));
  const identity = (memberId: string, generationId: number, groupInstanceId: string | null = null) => ({
    memberId,
    generationId,
    groupInstanceId,
  });
  const sync = (memberId: string, generationId: number, shares: Record<string, string> = {}) =>
    groups.sync('g', syncRequest(identity(memberId, generationId), shares));
  const beat = (memberId: string, generationId: number, groupInstanceId: string | null = null) =>
    outcome(() => groups.heartbeat('g', identity(memberId, generationId, groupInstanceId)));
  const leave = (memberId: string, groupInstanceId: string | null = null) =>
    outcome(() => groups.leave('g', { memberId, groupInstanceId }));

  /** A leader and a follower with their assignments, in generation 2. */
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

  // The protocols of two members are compared with each other: twenty thousand each would take seconds.
  it('takes no member that offers more ways of sharing out than anybody has', async () => {
    const ways = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `way-${i}`, metadata: Buffer.alloc(0) }));
    await expect(join({ protocols: ways(101) })).rejects.toThrowError(coded('INCONSISTENT_GROUP_PROTOCOL'));
    expect((await join({ protocols: ways(100) })).generationId).toBe(1);
  });

  it('gives a new member its id first, where it can take that', async () => {
    const told = (await join({ needsKnownId: true }).catch(
      (error: unknown) => error,
    )) as MemberIdRequiredError;
    expect(told.code).toBe('MEMBER_ID_REQUIRED');
    expect(groups.names()).toEqual([]);
    const joined = await join({ needsKnownId: true, memberId: told.memberId });
    expect(joined).toMatchObject({ generationId: 1, leader: told.memberId, protocolName: 'range' });
  });

  it('tells members to the leader alone, and hands its shares out', async () => {
    const { leader, follower } = await settledPair();
    expect(groups.describe('g')).toMatchObject({ state: 'Stable', protocolName: 'range' });
    expect(beat(leader, 2)).toBe('ok');
    expect(beat(follower, 1)).toBe('STALE_GENERATION');
    expect(beat('nobody', 2)).toBe('UNKNOWN_MEMBER');
    expect((await sync(follower, 2)).assignment.toString()).toBe('b');
  });

  it('gives an empty share, not null, to whom the leader forgot', async () => {
    const { memberId } = await join();
    expect((await sync(memberId, 1)).assignment).toEqual(Buffer.alloc(0));
  });

  it('lets a follower that asks again stay, and begins anew for the leader', async () => {
    const { leader, follower } = await settledPair();
    expect(await join({ memberId: follower })).toMatchObject({ generationId: 2, members: [] });
    void join({ memberId: leader }).catch(() => {});
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    expect(beat(follower, 2)).toBe('REBALANCE_IN_PROGRESS');
    await expect(sync(follower, 2)).rejects.toThrowError(coded('REBALANCE_IN_PROGRESS'));
  });

  it('begins anew when a member leaves, or is silent for too long', async () => {
    const { leader, follower } = await settledPair();
    expect(leave(follower)).toBe('ok');
    expect(beat(leader, 2)).toBe('REBALANCE_IN_PROGRESS');
    expect(await join({ memberId: leader })).toMatchObject({ generationId: 3 });
    await sync(leader, 3);
    vi.advanceTimersByTime(1_001);
    expect(groups.names()).toEqual([]);
    expect(beat(leader, 3)).toBe('UNKNOWN_MEMBER');
  });

  it('never gives a generation twice, though all members were gone in between', async () => {
    const { leader, follower } = await settledPair();
    expect([leave(follower), leave(leader)]).toEqual(['ok', 'ok']);
    expect(groups.describe('g')).toBeUndefined();
    const before = groups.generation('g');
    expect(before).toBeGreaterThanOrEqual(2);
    expect((await join()).generationId).toBeGreaterThan(before);
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
    const refused = expect(sync(follower.memberId, 2)).rejects.toThrowError(coded('REBALANCE_IN_PROGRESS'));
    vi.advanceTimersByTime(5_001);
    await refused;
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
    for (const unfit of [{ protocols: protocols('c') }, { protocolType: 'connect' }, { protocols: [] }]) {
      await expect(join(unfit)).rejects.toThrowError(coded('INCONSISTENT_GROUP_PROTOCOL'));
    }
  });

  it('keeps the share of a static member that comes back, and fences its old self', async () => {
    const old = await join({ groupInstanceId: 'one' });
    await sync(old.memberId, 1, { [old.memberId]: 'all' });
    const back = await join({ groupInstanceId: 'one' });
    expect(back).toMatchObject({ generationId: 1, members: [] });
    expect(back.memberId).not.toBe(old.memberId);
    expect(back.leader).toBe(old.memberId);
    expect((await sync(back.memberId, 1)).assignment.toString()).toBe('all');
    expect(beat(old.memberId, 1, 'one')).toBe('FENCED_MEMBER');
    const skipping = await join({ groupInstanceId: 'one', canSkipAssignment: true });
    expect(skipping).toMatchObject({ skipAssignment: true, leader: skipping.memberId, generationId: 1 });
    expect(leave('', 'one')).toBe('ok');
    expect(groups.names()).toEqual([]);
  });

  it('lets only members commit, in their generation, once shares are out', async () => {
    const commit = (memberId: string, generationId: number) =>
      outcome(() => groups.assertMayCommit('g', identity(memberId, generationId)));
    expect(commit('', -1)).toBe('ok');
    expect(commit('', 0)).toBe('UNKNOWN_MEMBER');
    const { memberId } = await join();
    expect(commit(memberId, 1)).toBe('REBALANCE_IN_PROGRESS');
    expect(commit('', -1)).toBe('UNKNOWN_MEMBER');
    await sync(memberId, 1);
    expect(commit(memberId, 1)).toBe('ok');
    expect(commit(memberId, 0)).toBe('STALE_GENERATION');
  });

  it('lets nobody outside pass for a member inside the process, whose id everybody can see', async () => {
    const local = { rebalancing: vi.fn(), removed: vi.fn(), mustLetGo: () => false };
    const { memberId } = await join({ memberId: 'inside', local });
    await groups.sync('g', {
      ...identity(memberId, 1),
      local,
      protocolType: null,
      protocolName: null,
      assignments: [],
    });
    await expect(join({ memberId })).rejects.toThrowError(coded('UNKNOWN_MEMBER'));
    await expect(sync(memberId, 1)).rejects.toThrowError(coded('UNKNOWN_MEMBER'));
    expect(beat(memberId, 1)).toBe('UNKNOWN_MEMBER');
    expect(outcome(() => groups.assertMayCommit('g', identity(memberId, 1)))).toBe('UNKNOWN_MEMBER');
    expect(outcome(() => groups.assertMayCommit('g', { ...identity(memberId, 1), local }))).toBe('ok');
    vi.advanceTimersByTime(3_600_000);
    expect(groups.memberCount('g')).toBe(1);
  });

  it('has members inside let go before a round ends that may give away what they own', async () => {
    let owns = false;
    const local = { rebalancing: vi.fn(), removed: vi.fn(), mustLetGo: () => owns };
    const inside = { memberId: 'inside', local };
    await join(inside);
    await groups.sync('g', {
      ...identity('inside', 1),
      local,
      protocolType: null,
      protocolName: null,
      assignments: [],
    });
    owns = true;
    const outside = join();
    expect(local.rebalancing).toHaveBeenCalledTimes(1);
    await expect(join(inside)).rejects.toThrowError(coded('REBALANCE_IN_PROGRESS'));
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    owns = false;
    expect(await join(inside)).toMatchObject({ generationId: 2, leader: 'inside' });
    expect(await outside).toMatchObject({ generationId: 2, leader: 'inside', members: [] });
  });

  it('refuses what its limits do not allow', async () => {
    await expect(join({}, '')).rejects.toThrowError(coded('INVALID_GROUP'));
    await expect(join({ memberId: 'unknown' })).rejects.toThrowError(coded('UNKNOWN_MEMBER'));
    const tooMuch = { protocols: [{ name: 'a', metadata: Buffer.alloc(2_000_000) }] };
    await expect(join(tooMuch)).rejects.toThrowError(coded('GROUP_FULL'));
    for (let i = 0; i < 3; i++) void join().catch(() => {});
    await expect(join()).rejects.toThrowError(coded('GROUP_FULL'));
    void join({}, 'second');
    await expect(join({}, 'third')).rejects.toThrowError(coded('GROUP_FULL'));
    expect(groups.names()).toEqual(['g', 'second']);
  });

  it('bounds what all members tell about themselves together, however little each does', async () => {
    groups = new GroupCoordinator({ maxGroups: 10_000, maxGroupMembers: 1_000 });
    const protocols = [{ name: 'range', metadata: Buffer.alloc(16_000) }];
    const joining = async () => {
      for (let i = 0; i < 10_000; i++) await join({ protocols }, `g${i}`);
    };
    await expect(joining()).rejects.toThrowError(coded('GROUP_FULL'));
    // 128 MiB in total.
    expect(groups.names().length).toBeGreaterThan(8_000);
    expect(groups.names().length).toBeLessThan(8_400);
  });

  it('bounds what leaders share out', async () => {
    groups = new GroupCoordinator({ maxGroups: 10_000, maxGroupMembers: 1_000 });
    const share = async (bytes: number, group: string) => {
      const { memberId, generationId } = await join({}, group);
      return groups.sync(group, {
        ...identity(memberId, generationId),
        protocolType: null,
        protocolName: null,
        assignments: [{ memberId, assignment: Buffer.alloc(bytes) }],
      });
    };
    await expect(share(2 * 1024 * 1024, 'large')).rejects.toThrowError(coded('GROUP_FULL'));
    const sharing = async () => {
      for (let i = 0; i < 200; i++) await share(1_000_000, `g${i}`);
    };
    await expect(sharing()).rejects.toThrowError(coded('GROUP_FULL'));
    expect(groups.describe('g100')!.members[0]!.assignment).toHaveLength(1_000_000);
    expect(groups.describe('g150')).toBeUndefined();
  });

  it('waits for further members of an empty group, where it is told to', async () => {
    const joins = [join({ initialDelayMs: 500 }), join({ initialDelayMs: 500 })];
    vi.advanceTimersByTime(499);
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    // Requests that arrived in the meantime are read before the delay ends.
    vi.advanceTimersByTime(2);
    const results = await Promise.all(joins);
    expect(results.map(({ generationId }) => generationId)).toEqual([1, 1]);
    expect(results[0]!.members).toHaveLength(2);
  });

  it('answers whoever waits when it closes, or when the listener of its clients does', async () => {
    for (const stop of ['disconnectRemote', 'close'] as const) {
      groups = new GroupCoordinator(LIMITS);
      const { memberId } = await join();
      const waiting = expect(join()).rejects.toThrowError(coded('COORDINATOR_STOPPED'));
      groups[stop]();
      await waiting;
      expect(beat(memberId, 1)).toBe('COORDINATOR_STOPPED');
      await expect(join()).rejects.toThrowError(coded('COORDINATOR_STOPPED'));
    }
  });
});
