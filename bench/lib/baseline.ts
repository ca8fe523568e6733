import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Cell, Sample } from './measure.js';

export const SECTION = 'Baseline: an fdatasync for every message';

/** Every publisher has a file and a thread of its own; the file system may still join their journal commits. */
export const OWN_FILES = 'a file and a thread each';
/** One log for all, so that there is one order: each message is written and synced before the next one. */
export const ONE_LOG = 'one log, in turn';

export interface BaselineTask {
  readonly directory: string;
  readonly publishers: number;
  readonly bytes: number;
  readonly ms: number;
  readonly shared: boolean;
}

/** Publishers that each write and call fdatasync for themselves: what durability costs where no sync is shared. */
export function baselineCells(directory: string): Cell[] {
  return [100, 1024].flatMap((bytes) =>
    [OWN_FILES, ONE_LOG].map((name) => ({
      section: SECTION,
      name,
      publishers: 64,
      bytes,
      run: (ms: number) => runInChild({ directory, publishers: 64, bytes, ms, shared: name === ONE_LOG }),
    })),
  );
}

/** A process of its own, because the number of threads can only be chosen at start. */
async function runInChild(task: BaselineTask): Promise<Sample> {
  const child = fork(fileURLToPath(new URL('./baseline-child.js', import.meta.url)), [JSON.stringify(task)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: String(task.publishers) },
  });
  const exit = once(child, 'exit');
  const [sample] = (await Promise.race([once(child, 'message'), exit.then(failed)])) as [Sample];
  await exit;
  return sample;
}

function failed(): never {
  throw new Error('the baseline process ended without a result');
}
