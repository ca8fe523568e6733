import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { newSeed } from '../libs/storage-disklog/src/__fixtures__/random.js';
import { mutants } from './torture/deliberate-faults.mjs';
import { rigs } from './torture/rigs.js';
import { torture } from './torture/torture.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Seconds in which a rig begins new cycles; two cycles at least fit everywhere. */
const SECONDS = 8;

describe('the disk log under torture, in short (npm run torture runs it long)', () => {
  for (const { name, unavailable, run } of rigs) {
    // Short forms of these stand beside the engine, as unit tests.
    if (['crash-states', 'model', 'concurrent'].includes(name)) continue;
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

describe('the deliberate faults', () => {
  it.each(mutants)('$name: has its one place in the code, and suites to notice', ({ file, from, suites }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').match(new RegExp(from, 'g'))).toHaveLength(1);
    for (const suite of suites) {
      expect(existsSync(join(ROOT, `libs/storage-disklog/src/${suite}.spec.ts`)), suite).toBe(true);
    }
  });
});
