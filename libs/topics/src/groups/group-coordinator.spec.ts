import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settled } from '../__fixtures__/waiting.js';
import { partitionId, rangeAssign, type TopicPartition } from './assignment.js';
import { GroupCoordinator, type GroupMember } from './group-coordinator.js';

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

/** Takes its time to let go, and tells whether a partition ever had two owners. */
class SlowMember implements GroupMember {
  readonly topics = ['t'];
  readonly strategy = 'cooperative_sticky';
  private readonly mine = new Map<string, TopicPartition>();

  constructor(
    readonly memberId: string,
    private readonly owners: Map<string, string>,
    private readonly turns: number,
  ) {}

  assign(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) {
      expect(this.owners.get(partitionId(place))).toBeUndefined();
      this.owners.set(partitionId(place), this.memberId);
      this.mine.set(partitionId(place), place);
    }
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    for (let i = 0; i < this.turns; i++) await Promise.resolve();
    for (const place of partitions) {
      // A member may be asked for what it was never given: it left before its turn came.
      if (this.mine.delete(partitionId(place))) this.owners.delete(partitionId(place));
    }
  }
}

describe('GroupCoordinator', () => {
  it('never lets a partition have two owners, or none for long, whoever comes and goes', async () => {
    const action = fc.record({
      type: fc.constantFrom('join', 'leave', 'resize'),
      who: fc.nat(5),
      turns: fc.nat(20),
      pause: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
        let partitions = 8;
        const owners = new Map<string, string>();
        const generations: number[] = [];
        const coordinator = new GroupCoordinator(
          () => partitions,
          (_group, generation) => void generations.push(generation),
        );
        const members = new Map<number, SlowMember>();
        const pending: Promise<void>[] = [];
        let serial = 0;
        for (const { type, who, turns, pause } of actions) {
          const member = members.get(who);
          if (type === 'join' && member === undefined) {
            const joined = new SlowMember(`${who}-${serial++}`, owners, turns);
            members.set(who, joined);
            pending.push(coordinator.join('g', joined));
          } else if (type === 'leave' && member !== undefined) {
            members.delete(who);
            pending.push(coordinator.leave('g', member));
          } else if (type === 'resize') {
            partitions = 1 + (turns % 10);
            pending.push(coordinator.topicChanged('t'));
          }
          if (pause) await settled();
        }
        await Promise.all(pending);
        expect(owners.size).toBe(members.size === 0 ? 0 : partitions);
        const described = coordinator
          .members('g')
          .flatMap(({ memberId, assignment }) =>
            assignment.flatMap(({ partitions: list }) =>
              list.map((partition) => [`t\0${partition}`, memberId] as const),
            ),
          );
        expect(new Map(described)).toEqual(owners);
        expect(coordinator.state('g')).toBe(members.size === 0 ? 'empty' : 'stable');
      }),
      { numRuns: 300 },
    );
  });
});
