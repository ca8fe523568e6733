import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { runModel } from './__fixtures__/model-run.js';
import { newSeed } from './__fixtures__/random.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe('random operations, reopenings, crashes and limits against a plain model', () => {
  it.each([
    ['wrap', 'internal'],
    ['halt', 'internal'],
    ['compact', 'internal'],
    ['wrap', 'external'],
    ['halt', 'external'],
    ['compact', 'external'],
  ] as const)('%s, %s', async (logType, format) => {
    const seed = newSeed();
    const problem = await runModel(scratch, logType, seed, 250, format);
    expect(problem, `GENROCKS_SEED=${seed}`).toBeUndefined();
  });
});
