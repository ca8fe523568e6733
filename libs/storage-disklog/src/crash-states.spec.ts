import { afterAll, describe, expect, it } from 'vitest';
import { momentsOfNames, momentsOfWrites, type Policy } from './__fixtures__/crash-states.js';
import { stateProblem } from './__fixtures__/crash-recorder.js';
import { record, scenarios } from './__fixtures__/crash-scenarios.js';
import { Scratch } from './__fixtures__/directories.js';
import { newSeed, Random } from './__fixtures__/random.js';

// An open after a crash logs a warning, and there are thousands of them.
const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

const POLICIES: Policy[] = ['all kept', 'all dropped', 'random', 'random'];

describe('every state that a power cut can leave opens, with everything that was acknowledged', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 120_000 }, async () => {
      const seed = newSeed();
      const random = new Random(seed);
      const recording = await record(scenario, scratch, random);
      const logDir = await scratch.directory();
      const check = async (moment: number, policy: Policy) => {
        const problem = await stateProblem(recording, moment, policy, random, logDir);
        expect(problem, `GENROCKS_SEED=${seed}, change ${moment}, ${policy}`).toBeUndefined();
      };
      const stride = Math.max(1, Math.floor(recording.changes.length / 8));
      for (let moment = random.int(stride); moment <= recording.changes.length; moment += stride) {
        for (const policy of POLICIES) await check(moment, policy);
      }
      const atNames: Policy[] = ['all kept', 'last kept'];
      if (recording.options.sync === 'os') atNames.push('random');
      for (const moment of momentsOfNames(recording.changes)) {
        for (const policy of atNames) await check(moment, policy);
      }
      for (const moment of momentsOfWrites(recording.changes)) await check(moment, 'last torn');
    });
  }
});
