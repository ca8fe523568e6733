import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import type { Recording } from './crash-recorder.js';
import { crashState, type Policy, writeState } from './crash-states.js';
import { partitionOf } from './directories.js';
import { contentsOf } from './expected-log.js';
import type { Random } from './random.js';
import { fastFileSystem, RecordingFileSystem } from './recording-file-system.js';

const POLICIES: Policy[] = ['all kept', 'all dropped', 'random', 'last kept'];

/**
 * A power cut at a moment of a recording, and another one while the log is then opened and closed. Returns where the
 * log then opens with something else than without the second cut, or undefined.
 * @param share of the states left by the second cut that are tried
 */
export async function recoveryProblem(
  recording: Recording,
  moment: number,
  random: Random,
  logDir: string,
  share: number,
): Promise<string | undefined> {
  const { options, changes, compacted } = recording;
  const files = crashState(
    changes,
    moment,
    random.pick<Policy>(['random', 'last kept', 'last torn']),
    random,
  );
  const wanted = await openedText(options, logDir, files, compacted);
  const recorder = new RecordingFileSystem(partitionOf(logDir));
  recorder.begin(files);
  const begun = recorder.changes.length;
  await writeFiles(logDir, files);
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, recorder);
  await adapter.open('t', 0);
  await adapter.close();
  for (let second = begun; second <= recorder.changes.length; second++) {
    for (const policy of POLICIES) {
      if (!random.chance(share)) continue;
      const left = crashState(recorder.changes, second, policy, random);
      const found = await openedText(options, logDir, left, compacted).catch(
        (error: unknown) => `${String(error)}\n${(error as Error).stack}`,
      );
      if (found !== wanted) {
        const change = JSON.stringify({ ...recorder.changes[second - 1], bytes: undefined });
        return `${policy}, change ${second - begun} of the opening, ${change}: ${found}\nexpected ${wanted}`;
      }
    }
  }
  return undefined;
}

async function writeFiles(logDir: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  await rm(join(logDir, 't'), { recursive: true, force: true });
  await writeState(files, partitionOf(logDir));
}

/** What a directory opens with, and whether that was reported as damage. */
async function openedText(
  options: DiskLogOptions,
  logDir: string,
  files: ReadonlyMap<string, Buffer>,
  compacted: boolean,
): Promise<string> {
  await writeFiles(logDir, files);
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fastFileSystem);
  const damage: string[] = [];
  const onEvent = (event: { type: string }) =>
    void (event.type === 'damaged' && damage.push(JSON.stringify(event)));
  try {
    const contents = await contentsOf(await adapter.open('t', 0, { onEvent }));
    const shown = { damage, live: contents.live, ...(compacted ? {} : { log: contents.log }) };
    // Values differ in their numbers.
    return JSON.stringify(shown).replace(/\.{2,}/g, '');
  } finally {
    await adapter.close();
  }
}
