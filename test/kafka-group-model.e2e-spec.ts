import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './kafka-harness.js';
import { FrameMember } from './kafka-model/frame-member.js';
import { ModelWorld } from './kafka-model/world.js';

/** A longer search: `GENROCKS_MODEL_RUNS=200`. The same search again: `GENROCKS_MODEL_SEED=`, as the failure prints it. */
const RUNS = Number(process.env['GENROCKS_MODEL_RUNS'] ?? 4);
const SEED = process.env['GENROCKS_MODEL_SEED'];
const SLOTS = 3;

type Step =
  | { readonly type: 'join'; readonly who: number; readonly hasPattern: boolean; readonly isStatic: boolean }
  | { readonly type: 'leave' | 'die'; readonly who: number }
  | { readonly type: 'publish'; readonly count: number }
  | { readonly type: 'addHandler' | 'removeHandler' | 'addTopic' | 'restart' | 'reset' | 'tryPast' }
  | { readonly type: 'grow'; readonly at: number };

const who = fc.nat(SLOTS - 1);
const weighted = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const step: fc.Arbitrary<Step> = fc.oneof(
  weighted(
    4,
    fc.record({
      type: fc.constant('join' as const),
      who,
      hasPattern: fc.boolean(),
      isStatic: fc.boolean(),
    }),
  ),
  weighted(2, fc.record({ type: fc.constantFrom('leave' as const, 'die' as const), who })),
  weighted(5, fc.record({ type: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 20 }) })),
  weighted(2, fc.record({ type: fc.constantFrom('addHandler' as const, 'removeHandler' as const) })),
  weighted(2, fc.record({ type: fc.constantFrom('restart' as const, 'tryPast' as const, 'reset' as const) })),
  weighted(1, fc.constant({ type: 'addTopic' as const })),
  weighted(1, fc.record({ type: fc.constant('grow' as const), at: fc.nat(5) })),
);
const steps = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 20, 150, 1_200)), {
  minLength: 5,
  maxLength: 16,
});

async function act(world: ModelWorld, members: Map<number, FrameMember>, one: Step): Promise<void> {
  switch (one.type) {
    case 'join':
      if (!members.has(one.who))
        members.set(
          one.who,
          new FrameMember(world, one.hasPattern, one.isStatic ? `static-${one.who}` : null),
        );
      return;
    case 'leave':
    case 'die':
      await members.get(one.who)?.[one.type]();
      members.delete(one.who);
      return;
    case 'publish':
      return world.publish(one.count);
    case 'grow':
      return world.grow(one.at);
    case 'restart':
      await world.end();
      return world.begin();
    default:
      return world[one.type]();
  }
}

/** It only guards against hanging, and tells what hangs. */
async function inTime(what: string, doing: Promise<void>): Promise<void> {
  const guard = new AbortController();
  const tooLong = sleep(40_000, undefined, { signal: guard.signal }).then(() => {
    throw new Error(`${what} did not end`);
  });
  try {
    await Promise.race([doing, tooLong]);
  } finally {
    guard.abort();
    tooLong.catch(() => {});
  }
}

// Clients frame by frame, handlers inside the process, and a broker that ends and begins again on its disk log.
it(
  'a group gets every message, its partitions have one owner each, and its offsets and generations only grow',
  { timeout: 60_000 * RUNS },
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const directory = temporaryDirectory();
        const world = new ModelWorld(directory.path);
        const members = new Map<number, FrameMember>();
        try {
          await world.begin();
          for (const [one, pauseMs] of all) {
            await inTime(JSON.stringify(one), act(world, members, one));
            await sleep(pauseMs);
            world.look();
          }
          await inTime('settled', world.settled());
          members.set(SLOTS, new FrameMember(world, true, null));
          const missing = () => [...world.published].filter((one) => !world.delivered.has(one));
          // Longer than members wait for an answer: those who wait tell for which.
          await expect.poll(() => [...world.violations, ...missing()], { timeout: 40_000 }).toEqual([]);
          for (const [i, member] of members) await inTime(`leave ${i}`, member.leave());
          await inTime('tryPast', world.tryPast());
        } finally {
          for (const [i, member] of members) await inTime(`die ${i}`, member.die());
          await inTime('end', world.end());
          directory.remove();
        }
        expect(world.violations).toEqual([]);
      }),
      { numRuns: RUNS, endOnFailure: true, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
  },
);
