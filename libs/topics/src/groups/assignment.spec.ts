import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AssignableMember,
  assign,
  type Assignment,
  type AssignmentStrategy,
  partitionId,
  rangeAssign,
  stickyAssign,
} from './assignment.js';

const topics = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 });
const memberIds = fc.uniqueArray(fc.constantFrom('m1', 'm2', 'm3', 'm4', 'm5'), { minLength: 1 });
const counts = fc.record({ a: fc.nat(12), b: fc.nat(12), c: fc.nat(3) });

function countsOf(all: Record<string, number>, members: readonly AssignableMember[]): Map<string, number> {
  return new Map(
    Object.entries(all).filter(([topic]) => members.some((member) => member.topics.includes(topic))),
  );
}

/** Every partition has exactly one owner, which subscribes to its topic. */
function expectWhole(
  assignment: Assignment,
  members: readonly AssignableMember[],
  all: Map<string, number>,
): void {
  const dealt = [...assignment].flatMap(([memberId, places]) => {
    const subscribed = members.find((member) => member.memberId === memberId)!.topics;
    for (const { topic } of places) expect(subscribed).toContain(topic);
    return places.map(partitionId);
  });
  expect(new Set(dealt).size).toBe(dealt.length);
  expect(dealt.length).toBe([...all.values()].reduce((sum, count) => sum + count, 0));
}

describe('every strategy', () => {
  it.each<AssignmentStrategy>(['range', 'round_robin', 'cooperative_sticky'])(
    'gives each partition to one subscriber (%s)',
    (strategy) => {
      fc.assert(
        fc.property(
          memberIds,
          fc.array(topics, { minLength: 5, maxLength: 5 }),
          counts,
          (ids, lists, all) => {
            const members = ids.map((memberId, i) => ({ memberId, topics: lists[i]! }));
            const known = countsOf(all, members);
            expectWhole(assign(strategy, members, known, new Map()), members, known);
          },
        ),
      );
    },
  );
});

describe('cooperative_sticky', () => {
  it('is even, and moves no more than evenness demands, whoever comes and goes', () => {
    fc.assert(
      fc.property(
        fc.array(memberIds, { minLength: 2, maxLength: 8 }),
        fc.integer({ min: 1, max: 30 }),
        (rounds, count) => {
          const all = new Map([['a', count]]);
          let before: Assignment = new Map();
          for (const ids of rounds) {
            const members = ids.map((memberId) => ({ memberId, topics: ['a'] }));
            const now = stickyAssign(members, all, before);
            expectWhole(now, members, all);
            const sizes = [...now.values()].map(({ length }) => length);
            expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
            // A member that stays keeps what it had, up to an equal share.
            const least = Math.floor(count / ids.length);
            for (const memberId of ids) {
              const had = before.get(memberId)?.map(partitionId) ?? [];
              const kept = now.get(memberId)!.filter((place) => had.includes(partitionId(place))).length;
              expect(kept).toBeGreaterThanOrEqual(Math.min(had.length, least));
            }
            before = now;
          }
        },
      ),
    );
  });

  it('evens out between members that subscribe to different topics, as far as it can', () => {
    const members = [
      { memberId: 'both', topics: ['a', 'b'] },
      { memberId: 'only-a', topics: ['a'] },
    ];
    const all = new Map([
      ['a', 4],
      ['b', 4],
    ]);
    const sizes = [...stickyAssign(members, all, new Map()).values()].map(({ length }) => length);
    expect(sizes).toEqual([4, 4]);
  });
});

describe('rangeAssign', () => {
  it('deals every partition to exactly one subscriber, as evenly as can be', () => {
    const member = fc.record({
      memberId: fc.string({ minLength: 1 }),
      topics: fc.uniqueArray(fc.constantFrom<string[]>('a', 'b', 'c'), { minLength: 1 }),
    });
    const members = fc.uniqueArray(member, {
      selector: ({ memberId }) => memberId,
      minLength: 1,
      maxLength: 6,
    });
    const counts = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20));
    fc.assert(
      fc.property(members, counts, (group, [a, b, c]) => {
        const all = new Map([
          ['a', a],
          ['b', b],
          ['c', c],
        ]);
        const subscribed = new Map(
          [...all].filter(([topic]) => group.some(({ topics }) => topics.includes(topic))),
        );
        const assignment = rangeAssign(group, subscribed);
        for (const [topic, count] of subscribed) {
          const shares = group
            .filter(({ topics }) => topics.includes(topic))
            .map(({ memberId }) => assignment.get(memberId)!.filter((place) => place.topic === topic));
          const dealt = shares.flat().map(({ partition }) => partition);
          expect(dealt.sort((x, y) => x - y)).toEqual(Array.from({ length: count }, (_, i) => i));
          const sizes = shares.map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
