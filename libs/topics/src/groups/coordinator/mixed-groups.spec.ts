import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GROUP, GroupWorld, LocalWorldMember, WireWorldMember } from '../../__fixtures__/group-world.js';

type Kind = 'local' | 'wire';
type Step =
  | {
      readonly type: 'join';
      readonly who: number;
      readonly kind: Kind;
      readonly strategy: 'range' | 'round_robin' | 'cooperative_sticky';
      readonly protocols: readonly string[];
      readonly isStatic: boolean;
      readonly letGoMs: number;
    }
  | { readonly type: 'leave' | 'crash'; readonly who: number }
  /** A second process with the same instance id, while the first continues. */
  | { readonly type: 'twice'; readonly who: number; readonly protocols: readonly string[] }
  | { readonly type: 'freeze'; readonly who: number; readonly ms: number }
  | { readonly type: 'grow' };

const who = fc.nat(4);
/** The protocols of kafkajs, librdkafka, a cooperative client, and Java with its defaults. */
const protocols = fc.constantFrom(
  ['RoundRobinAssigner'],
  ['range', 'roundrobin'],
  ['cooperative-sticky'],
  ['range', 'cooperative-sticky'],
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('join' as const),
      who,
      kind: fc.constantFrom<Kind>('local', 'wire'),
      strategy: fc.constantFrom('range', 'round_robin', 'cooperative_sticky'),
      protocols,
      isStatic: fc.boolean(),
      letGoMs: fc.constantFrom(0, 1, 200, 2_000, 4_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('leave' as const, 'crash' as const), who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('grow' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('twice' as const), who, protocols }) },
  {
    weight: 2,
    // Shorter than a session, longer than a session, and longer than a rebalance.
    arbitrary: fc.record({
      type: fc.constant('freeze' as const),
      who,
      ms: fc.constantFrom(700, 1_500, 6_000),
    }),
  },
);
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 1, 50, 400, 1_500, 4_000)), { maxLength: 25 });

/** Longer than any session, rebalance or release of partitions. */
const QUIET_MS = 20_000;

describe('a group of handlers in the process and clients on the wire', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What members may do, judged by the state of the group alone. */
  function checkCommits(world: GroupWorld, members: Iterable<LocalWorldMember | WireWorldMember>): void {
    const view = world.coordinator.describe(GROUP);
    const mayCommit = (member: LocalWorldMember | WireWorldMember): boolean => {
      if (member instanceof LocalWorldMember) return world.isMember(member.memberId);
      const { generationId } = member.identity();
      // A commit without a generation is for a group without members.
      if (generationId < 0) return world.coordinator.memberCount(GROUP) === 0;
      const isCurrent = world.isMember(member.memberId) && generationId === view?.generation;
      return isCurrent && view?.state !== 'CompletingRebalance';
    };
    for (const member of members) {
      // A commit would restart its session timeout.
      if (member instanceof WireWorldMember && member.isFrozen) continue;
      expect(
        isAllowed(() => member.mayCommit()),
        member.name,
      ).toBe(mayCommit(member));
    }
    for (const identity of world.past) {
      expect(isAllowed(() => world.coordinator.assertMayCommit(GROUP, identity))).toBe(false);
    }
  }

  it('never has two owners of a partition, and one of each once it is left in peace', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const world = new GroupWorld(5);
        const members = new Map<number, LocalWorldMember | WireWorldMember>();
        const leaving: Promise<void>[] = [];
        let serial = 0;
        for (const [one, pauseMs] of all) {
          const member = one.type === 'grow' ? undefined : members.get(one.who);
          if (one.type === 'grow') world.grow(1);
          else if (one.type === 'freeze') {
            if (member instanceof WireWorldMember) member.freeze(one.ms);
          } else if (one.type === 'twice') {
            const name = `twice-${one.who}-${serial++}`;
            const second = new WireWorldMember(name, world, 0, one.protocols, `static-${one.who}`);
            members.set(100 + serial, second);
          } else if (one.type === 'join' && member === undefined) {
            const name = `${one.kind}-${one.who}-${serial++}`;
            const instanceId = one.isStatic ? `static-${one.who}` : undefined;
            const joined =
              one.kind === 'wire'
                ? new WireWorldMember(name, world, one.letGoMs, one.protocols, instanceId ?? null)
                : new LocalWorldMember(name, world, one.letGoMs, { assignment: one.strategy, instanceId });
            if (joined instanceof LocalWorldMember) joined.started.catch(() => members.delete(one.who));
            members.set(one.who, joined);
          } else if (one.type !== 'join' && member !== undefined) {
            members.delete(one.who);
            // A local member ends only with the process.
            if (one.type === 'crash' && member instanceof WireWorldMember) member.crash();
            else leaving.push(member.leave());
          }
          await vi.advanceTimersByTimeAsync(pauseMs);
          checkCommits(world, members.values());
        }
        await vi.advanceTimersByTimeAsync(QUIET_MS);
        await Promise.all(leaving);
        const alive = [...members.values()].filter(
          (member) => member instanceof LocalWorldMember || !member.hasGivenUp,
        );
        expect(world.violations).toEqual([]);
        expect(world.owners()).toEqual(world.owners().map(() => (alive.length === 0 ? 0 : 1)));
        expect(world.coordinator.memberCount(GROUP)).toBe(alive.length);
        const left = Promise.all(alive.map((member) => member.leave()));
        await vi.advanceTimersByTimeAsync(QUIET_MS);
        await left;
        expect(world.coordinator.names()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

function isAllowed(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}
