import { erlangRig } from './erlang.js';
import { fullDiskRig } from './full-disk.js';
import { ledgerRig } from './ledger.js';
import { concurrentWorkRig, crashStatesRig, modelRig } from './model.js';
import { powerCutRig } from './power-cut.js';
import type { Rig } from './torture.js';

export const rigs: readonly Rig[] = [
  ledgerRig,
  powerCutRig,
  crashStatesRig,
  modelRig,
  concurrentWorkRig,
  fullDiskRig,
  erlangRig,
];
