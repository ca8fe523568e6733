import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { record, scenarios } from './__fixtures__/crash-scenarios.js';
import { partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import { crashState, writeState } from './__fixtures__/crash-states.js';
import { sizeOf } from './__fixtures__/expected-log.js';
import { RecordingFileSystem } from './__fixtures__/recording-file-system.js';
import { newSeed, Random } from './__fixtures__/random.js';
import { recoveryProblem } from './__fixtures__/recovery-crash.js';
import { DiskLogStorageAdapter } from './index.js';

// An open after a crash logs a warning, and there are thousands of them.
const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

/** First crashes of a scenario, and the share tried of what can follow each; `npm run torture` tries more. */
const CRASHES = 3;
const SHARE = 0.2;

describe('a second power cut, during the open after the first one, does not change what is recovered', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 120_000 }, async () => {
      const seed = newSeed();
      const random = new Random(seed);
      const recording = await record(scenario, scratch, random);
      const logDir = await scratch.directory();
      for (let i = 0; i < CRASHES; i++) {
        const moment = random.int(recording.changes.length + 1);
        const problem = await recoveryProblem(recording, moment, random, logDir, SHARE);
        expect(problem, `GENROCKS_SEED=${seed}, crash ${i}, change ${moment}`).toBeUndefined();
      }
      await rm(join(logDir, 't'), { recursive: true, force: true });
    });
  }
});

it('a write refused by a full device does not come back after a later write and a power cut', async () => {
  const logDir = await scratch.directory();
  const fs = new RecordingFileSystem(partitionOf(logDir));
  const adapter = new DiskLogStorageAdapter({ logDir, logType: 'halt' }, fs);
  const store = await adapter.open('t', 0);
  await store.put('a', '1');
  const size = sizeOf([{ key: 'a', value: '1' }]);
  // Of the group that gathers during the first write, the device accepts two whole items.
  let isFull = false;
  fs.takes = (length) => {
    const taken = isFull ? 0 : length > 2 * size ? 2 * size : length;
    isFull ||= taken < length;
    return taken;
  };
  const refused = ['c', 'd', 'e', 'f'].map((key) => store.put(key, '2'));
  const codes = await Promise.allSettled(refused);
  const keys = ['a', ...['c', 'd', 'e', 'f'].filter((_, i) => codes[i]!.status === 'fulfilled')];
  expect(keys.length).toBeLessThan(5);
  const from = fs.changes.length;
  fs.takes = (length) => length;
  await store.put('g', '3');
  const changes = fs.changes.slice();
  await adapter.close();
  for (let moment = from; moment <= changes.length; moment++) {
    for (const policy of ['all dropped', 'last kept', 'all kept'] as const) {
      const copy = await scratch.directory();
      await writeState(crashState(changes, moment, policy, new Random(1)), partitionOf(copy));
      const found = await withStore({ logDir: copy, logType: 'halt' }, scanText);
      expect(
        Object.keys(found).filter((key) => key !== 'g'),
        `${policy} ${moment}`,
      ).toEqual(keys);
    }
  }
});
