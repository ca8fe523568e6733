import { afterAll, expect, it } from 'vitest';
import { workConcurrently } from './__fixtures__/concurrent-work.js';
import { Scratch } from './__fixtures__/directories.js';
import { newSeed, Random } from './__fixtures__/random.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

// Longer than it takes to notice a call that never ends.
it(
  'calls that do not wait for each other, beside shortages, closings and kills, leave what was acknowledged',
  { timeout: 120_000 },
  async () => {
    const seed = newSeed();
    const random = new Random(seed);
    for (let i = 0; i < 12; i++) {
      expect(await workConcurrently(scratch, random), `GENROCKS_SEED=${seed}, run ${i}`).toBeUndefined();
    }
  },
);
