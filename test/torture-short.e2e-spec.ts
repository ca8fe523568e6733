import { describe, it } from 'vitest';
import { newSeed } from '../libs/storage-disklog/src/__fixtures__/random.js';
import { rigs } from './torture/rigs.js';
import { torture } from './torture/torture.js';

/** Seconds in which a rig begins new cycles; two cycles at least fit everywhere. */
const SECONDS = 8;

describe('the disk log under torture, in short (npm run torture runs it long)', () => {
  for (const { name, unavailable, run } of rigs) {
    // Short forms of these two stand beside the engine, as unit tests.
    if (name === 'crash-states' || name === 'model') continue;
    it(name, async (context) => {
      const obstacle = unavailable();
      if (obstacle !== undefined) return context.skip(`${name}: ${obstacle}`);
      const seed = newSeed();
      try {
        await run(torture(seed, name === 'ledger' ? 10 : 2, SECONDS, false));
      } catch (error) {
        throw new Error(`GENROCKS_SEED=${seed}`, { cause: error });
      }
    });
  }
});
