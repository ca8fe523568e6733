import { Logger } from '@nestjs/common';
import { workConcurrently } from '../../libs/storage-disklog/src/__fixtures__/concurrent-work.js';
import { stateProblem } from '../../libs/storage-disklog/src/__fixtures__/crash-recorder.js';
import { record, scenarios } from '../../libs/storage-disklog/src/__fixtures__/crash-scenarios.js';
import { Scratch } from '../../libs/storage-disklog/src/__fixtures__/directories.js';
import { runModel } from '../../libs/storage-disklog/src/__fixtures__/model-run.js';
import { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { recoveryProblem } from '../../libs/storage-disklog/src/__fixtures__/recovery-crash.js';
import type { Rig, Torture } from './torture.js';

const POLICIES = [
  'all kept',
  'all dropped',
  'last kept',
  'last torn',
  ...Array.from({ length: 4 }, () => 'random' as const),
] as const;

/** Each is followed by this share of the crashes that can come while the log is opened and closed again. */
const CRASHES_IN_RECOVERY = 4;
const SHARE = 0.3;

async function runModels({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    const scratch = new Scratch();
    const seed = random.int(2 ** 31);
    const logType = random.pick(['wrap', 'wrap', 'halt', 'compact'] as const);
    const problem = await runModel(scratch, logType, seed, 600);
    await scratch.clear();
    if (problem !== undefined) throw new Error(`${logType}, seed ${seed}: ${problem}`);
    say(`  ${logType}: 600 steps`);
  }
}

async function runConcurrentWork({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  for (let logs = 1; more(); logs++) {
    const scratch = Scratch.inMemory();
    const seed = random.int(2 ** 31);
    const problem = await workConcurrently(scratch, new Random(seed));
    await scratch.clear();
    if (problem !== undefined) throw new Error(`seed ${seed}: ${problem}`);
    if (logs % 100 === 0) say(`  ${logs} logs`);
  }
}

async function runCrashStates({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    const scratch = new Scratch();
    const seed = random.int(2 ** 31);
    const scenario = random.pick(scenarios);
    const { name } = scenario;
    const own = new Random(seed);
    const recording = await record(scenario, scratch, own);
    const logDir = await scratch.directory();
    let states = 0;
    for (let moment = 0; moment <= recording.changes.length; moment++) {
      for (const policy of POLICIES) {
        const problem = await stateProblem(recording, moment, policy, own, logDir);
        if (problem !== undefined)
          throw new Error(`${name}, seed ${seed}, change ${moment}, ${policy}: ${problem}`);
        states++;
      }
    }
    say(`  ${name}: ${states} states of ${recording.changes.length} changes`);
    for (let i = 0; i < CRASHES_IN_RECOVERY && more(); i++) {
      const moment = own.int(recording.changes.length + 1);
      const problem = await recoveryProblem(recording, moment, own, logDir, SHARE);
      if (problem !== undefined)
        throw new Error(`${name}, seed ${seed}, crash ${i} at ${moment}: ${problem}`);
    }
    await scratch.clear();
  }
}

/** Random operations, reopenings, crashes and limits against a plain model. */
export const modelRig: Rig = { name: 'model', unavailable: () => undefined, run: runModels };

/** Calls that do not wait for each other, beside shortages, closings and kills. */
export const concurrentWorkRig: Rig = {
  name: 'concurrent',
  unavailable: () => undefined,
  run: runConcurrentWork,
};

/** Every state that a power cut could leave of recorded runs. */
export const crashStatesRig: Rig = {
  name: 'crash-states',
  unavailable: () => undefined,
  run: runCrashStates,
};
