import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { coded, outcome } from '../../__fixtures__/waiting.js';
import { joinRequest, syncRequest } from '../../__fixtures__/wire-member.js';
import { GroupCoordinator } from './group-coordinator.js';
import type { JoinRequest, MemberIdentity } from './membership.types.js';

const SESSION_MS = 1_000;
const ROUND_MS = 5_000;

describe('a group of clients, of which each may be late', () => {
  let groups: GroupCoordinator;

  beforeEach(() => {
    vi.useFakeTimers();
    groups = new GroupCoordinator({ maxGroupMembers: 10, maxGroups: 10 });
  });
  afterEach(() => {
    groups.close();
    vi.useRealTimers();
  });

  const join = (given: Partial<JoinRequest> = {}) =>
    groups.join('g', joinRequest({ sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: ROUND_MS, ...given }));
  const named = (memberId: string, generationId: number, groupInstanceId: string | null = null) => ({
    memberId,
    generationId,
    groupInstanceId,
  });
  const sync = (identity: MemberIdentity, shares: Record<string, string> = {}) =>
    groups.sync('g', syncRequest(identity, shares));
  const commit = (identity: MemberIdentity) => outcome(() => groups.assertMayCommit('g', identity));
  const beat = (identity: MemberIdentity) => outcome(() => groups.heartbeat('g', identity));
  const leave = ({ memberId, groupInstanceId }: MemberIdentity) =>
    outcome(() => groups.leave('g', { memberId, groupInstanceId }));

  /** Two members with their assignments, in generation 2. */
  async function pair(instance: string | null = null) {
    const first = await join();
    await sync(named(first.memberId, 1));
    const joining = join({ groupInstanceId: instance });
    await join({ memberId: first.memberId });
    const { memberId } = await joining;
    const [leader, follower] = [named(first.memberId, 2), named(memberId, 2, instance)];
    const shared = sync(follower);
    await sync(leader, { [leader.memberId]: 'a', [memberId]: 'b' });
    await shared;
    return { leader, follower };
  }

  it('fences whoever comes back after another has taken its name, whatever it asks', async () => {
    const { leader, follower: old } = await pair('one');
    const { memberId } = await join({ groupInstanceId: 'one' });
    const now = named(memberId, 2, 'one');
    expect(groups.describe('g')).toMatchObject({ state: 'Stable', generation: 2 });
    expect((await sync(now)).assignment.toString()).toBe('b');
    expect([beat(old), commit(old), leave(old)]).toEqual(Array(3).fill('FENCED_MEMBER'));
    await expect(sync(old)).rejects.toThrowError(coded('FENCED_MEMBER'));
    await expect(join({ memberId: old.memberId, groupInstanceId: 'one' })).rejects.toThrowError(
      coded('FENCED_MEMBER'),
    );
    expect([beat(now), commit(now), beat(leader), commit(leader)]).toEqual(Array(4).fill('ok'));
  });

  it('shares out anew for a static member that comes back after partitions were added', async () => {
    const old = await join({ groupInstanceId: 'one' });
    await sync(named(old.memberId, 1, 'one'), { [old.memberId]: 'all' });
    groups.outdate('g');
    const back = await join({ groupInstanceId: 'one' });
    expect(back).toMatchObject({ generationId: 2, leader: back.memberId });
    expect(back.members).toHaveLength(1);
    await sync(named(back.memberId, 2, 'one'), { [back.memberId]: 'more' });
    expect(await join({ groupInstanceId: 'one' })).toMatchObject({ generationId: 2, members: [] });
  });

  it('shares out anew for its leader that comes back, where partitions came in the round it had joined', async () => {
    const old = await join({ groupInstanceId: 'one' });
    await sync(named(old.memberId, 1, 'one'));
    const second = join();
    await join({ memberId: old.memberId, groupInstanceId: 'one' });
    const { memberId } = await second;
    const third = join();
    const led = join({ memberId: old.memberId, groupInstanceId: 'one' });
    // The first has read the partition count; the rebalance waits for the second.
    groups.outdate('g');
    await Promise.all([join({ memberId }), third, led]);
    await sync(named(old.memberId, 3, 'one'));
    expect(groups.describe('g')).toMatchObject({ state: 'Stable', generation: 3 });
    const back = join({ groupInstanceId: 'one' });
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    await Promise.all([back, ...[memberId, (await third).memberId].map((id) => join({ memberId: id }))]);
  });

  it('answers a static member that waits for its share, when another takes its name', async () => {
    const old = await join({ groupInstanceId: 'one' });
    const other = join();
    const again = await join({ memberId: old.memberId, groupInstanceId: 'one' });
    const { memberId } = await other;
    const waiting = sync(named(memberId, 2));
    const told = expect(waiting).rejects.toThrowError(coded('REBALANCE_IN_PROGRESS'));
    const back = join({ groupInstanceId: 'one' });
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    await told;
    await expect(sync(named(again.memberId, 2, 'one'))).rejects.toThrowError(coded('FENCED_MEMBER'));
    const rejoined = await join({ memberId });
    expect([rejoined.generationId, (await back).generationId]).toEqual([3, 3]);
  });

  it('takes the commits of a round that has begun, and those of before it ended no more', async () => {
    const { leader, follower } = await pair();
    const newcomer = join();
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    // In time: nobody else owns their partitions yet.
    expect([commit(leader), commit(follower)]).toEqual(['ok', 'ok']);
    await Promise.all([newcomer, join({ memberId: leader.memberId }), join({ memberId: follower.memberId })]);
    expect([commit(leader), commit(follower)]).toEqual(['STALE_GENERATION', 'STALE_GENERATION']);
    expect(commit(named(leader.memberId, 3))).toBe('REBALANCE_IN_PROGRESS');
  });

  it('does not take the commit of a handler that took longer than its session', async () => {
    const { leader, follower } = await pair();
    for (let ms = 0; ms <= SESSION_MS; ms += 400) {
      vi.advanceTimersByTime(400);
      beat(leader);
    }
    expect([commit(follower), beat(follower), leave(follower)]).toEqual(Array(3).fill('UNKNOWN_MEMBER'));
    await expect(sync(follower)).rejects.toThrowError(coded('UNKNOWN_MEMBER'));
    await expect(join({ memberId: follower.memberId })).rejects.toThrowError(coded('UNKNOWN_MEMBER'));
    expect(await join({ memberId: leader.memberId })).toMatchObject({ generationId: 3 });
    const back = join();
    await join({ memberId: leader.memberId });
    expect(await back).toMatchObject({ generationId: 4 });
  });

  it('ends a round that waited for nobody but who leaves', async () => {
    const { leader, follower } = await pair();
    const joining = join({ memberId: leader.memberId });
    expect(groups.describe('g')!.state).toBe('PreparingRebalance');
    expect(leave(follower)).toBe('ok');
    const joined = await joining;
    expect(joined).toMatchObject({ generationId: 3, leader: leader.memberId });
    expect(joined.members.map(({ memberId }) => memberId)).toEqual([leader.memberId]);
  });

  it.each(['leader', 'follower'] as const)(
    'begins anew when its %s leaves before shares are out',
    async (who) => {
      const members = await pair();
      const joins = [
        join({ memberId: members.leader.memberId }),
        join({ memberId: members.follower.memberId }),
      ];
      await Promise.all(joins);
      const stays = who === 'leader' ? members.follower : members.leader;
      const waiting = who === 'leader' ? sync({ ...stays, generationId: 3 }) : undefined;
      const told = waiting && expect(waiting).rejects.toThrowError(coded('REBALANCE_IN_PROGRESS'));
      expect(leave(members[who])).toBe('ok');
      await told;
      expect(await join({ memberId: stays.memberId })).toMatchObject({
        generationId: 4,
        leader: stays.memberId,
      });
    },
  );

  it('begins anew for a member that joins before shares are out', async () => {
    const { leader, follower } = await pair();
    await Promise.all([join({ memberId: leader.memberId }), join({ memberId: follower.memberId })]);
    expect(groups.describe('g')!.state).toBe('CompletingRebalance');
    const waiting = expect(sync({ ...follower, generationId: 3 })).rejects.toThrowError(
      coded('REBALANCE_IN_PROGRESS'),
    );
    const newcomer = join();
    await waiting;
    // Its assignments leave out the newcomer.
    await expect(sync({ ...leader, generationId: 3 }, {})).rejects.toThrowError(
      coded('REBALANCE_IN_PROGRESS'),
    );
    const joined = await Promise.all([
      join({ memberId: leader.memberId }),
      join({ memberId: follower.memberId }),
      newcomer,
    ]);
    expect(joined.map(({ generationId }) => generationId)).toEqual([4, 4, 4]);
    expect(joined.map(({ members }) => members.length)).toEqual([3, 0, 0]);
  });

  it('waits for a leader that beats and never shares out no longer than a round', async () => {
    const { leader, follower } = await pair();
    await Promise.all([join({ memberId: leader.memberId }), join({ memberId: follower.memberId })]);
    const waiting = expect(sync({ ...follower, generationId: 3 })).rejects.toThrowError(
      coded('REBALANCE_IN_PROGRESS'),
    );
    for (let ms = 0; ms < ROUND_MS; ms += 500) {
      expect(beat({ ...leader, generationId: 3 })).toBe('ok');
      vi.advanceTimersByTime(500);
    }
    vi.advanceTimersByTime(1);
    await waiting;
    expect(beat({ ...leader, generationId: 3 })).toBe('UNKNOWN_MEMBER');
    expect(await join({ memberId: follower.memberId })).toMatchObject({ leader: follower.memberId });
  });
});
