import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startService } from '../__fixtures__/service.js';
import { settled } from '../__fixtures__/waiting.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { AssignmentStrategy } from './group.types.js';

// The deliberate failures in this file would fill the output.
type Step =
  | { readonly type: 'join' | 'leave' | 'crash'; readonly who: number }
  | { readonly type: 'publish'; readonly count: number }
  | { readonly type: 'turn' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom('join' as const, 'leave' as const, 'crash' as const), who: fc.nat(3) }),
  fc.record({ type: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 12 }) }),
  fc.constant({ type: 'turn' as const }),
);

describe('the members of a group, whoever comes, goes, is slow or crashes', () => {
  it('get every message, in the order of its key, and never two of them the same partition', async () => {
    const strategies = fc.constantFrom<AssignmentStrategy>('cooperative_sticky', 'range', 'round_robin');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), strategies, async (steps, assignment) => {
        const running = await startService({ drainTimeoutMs: 0 });
        const { service } = running;
        const topic = await service.startTopic('orders', { partitions: 4 });
        const members = new Map<number, { group: ConsumerGroup; hangs: boolean }>();
        const working = new Map<number, number>();
        const handled = new Set<string>();
        const newest = new Map<string, number>();
        // An error thrown in a handler would only be retried.
        const violations: string[] = [];
        let published = 0;

        const join = async (who: number) => {
          const member = { group: undefined as never as ConsumerGroup, hangs: false };
          members.set(who, member);
          member.group = await service.startConsumerGroup<number>({
            group: 'g',
            topics: ['orders'],
            assignment,
            autoCommitIntervalMs: 0,
            handler: async ({ key, value, partition }, { signal }) => {
              // A member that was cut off may still run a handler for a partition it no longer owns.
              if ((working.get(partition) ?? who) !== who) violations.push(`two owners of ${partition}`);
              working.set(partition, who);
              if (member.hangs) {
                await new Promise((resolve) => signal.addEventListener('abort', resolve));
                working.delete(partition);
                throw new Error('cut off');
              }
              await settled();
              working.delete(partition);
              // A message may be seen again after a crash, but must not be seen for the first time after a
              // later one.
              const before = newest.get(key!) ?? -1;
              if (!handled.has(`${key}:${value}`) && value <= before) violations.push(`${value} late`);
              newest.set(key!, Math.max(before, value));
              handled.add(`${key}:${value}`);
            },
          });
        };

        for (const one of steps) {
          if (one.type === 'publish') {
            await topic.publishBatch(
              Array.from({ length: one.count }, () => ({ key: `k${published % 7}`, value: published++ })),
            );
          } else if (one.type === 'turn') await settled();
          else if (one.type === 'join' && !members.has(one.who)) await join(one.who);
          else if (one.type !== 'join' && members.has(one.who)) {
            const member = members.get(one.who)!;
            members.delete(one.who);
            member.hangs = one.type === 'crash';
            await member.group.stop();
          }
        }
        if (members.size === 0) await join(9);
        while (handled.size < published) await settled();
        const { members: described } = await service.groups.describe('g');
        const owned = described.flatMap(({ assignment: list }) =>
          list.flatMap(({ partitions }) => partitions),
        );
        expect(owned.sort()).toEqual([0, 1, 2, 3]);
        await running.stop();
        expect(violations).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('agree on one strategy, though each prefers another', async () => {
    const running = await startService({ topics: [{ name: 'orders', partitions: 4 }] });
    const { service } = running;
    const options = { group: 'g', topics: ['orders'], handler: () => {} };
    for (const assignment of ['range', 'round_robin', 'cooperative_sticky', 'round_robin'] as const) {
      await service.startConsumerGroup({ ...options, assignment });
    }
    const { members } = await service.groups.describe('g');
    expect(members.flatMap(({ assignment }) => assignment[0]!.partitions).sort()).toEqual([0, 1, 2, 3]);
    expect(service.coordinator.describe('g')).toMatchObject({ state: 'Stable', protocolName: 'roundrobin' });
    await running.stop();
  });
});
