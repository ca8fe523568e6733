import { describe, it } from 'vitest';
import { newSeed } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { rigs } from './rigs.js';
import { torture } from './torture.js';

const minutes = Number(process.env.GENROCKS_TORTURE_MINUTES ?? 1);
const only = process.env.GENROCKS_TORTURE_ONLY ?? '';
const chosen = rigs.filter(({ name }) => only === '' || name === only);

describe('the disk log under torture', () => {
  const seconds = (minutes * 60) / chosen.length;
  for (const { name, unavailable, run } of chosen) {
    it(name, { timeout: seconds * 1000 + 300_000 }, async (context) => {
      const obstacle = unavailable();
      if (obstacle !== undefined) {
        console.log(`${name}: skipped, ${obstacle}`);
        return context.skip(obstacle);
      }
      const seed = newSeed();
      console.log(`${name}: ${Math.round(seconds)} s, seed ${seed}`);
      await run(torture(seed, Infinity, seconds, true));
    });
  }
});
