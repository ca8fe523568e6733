import type { PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { contentsOf, entryText, type Operation, perform } from './__fixtures__/expected-log.js';
import { FaultyFileSystem, needsDescriptor } from './__fixtures__/faulty-file-system.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const put = (i: number): Operation => ({
  type: 'write',
  writes: [{ key: `k${i % 7}`, value: `v${i}` }],
});
/** An operation that needs a file of its own. */
const large: Operation = { type: 'write', writes: [{ key: 'k5', value: 'v'.repeat(480) }] };
const puts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => put(from + i));

const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 260, maxNoFiles: 3 };
const lines: DiskLogOptions = { ...wrap, maxNoBytes: 480, format: 'external' };
const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 260 };

interface Script {
  readonly name: string;
  readonly options: DiskLogOptions;
  readonly before: readonly Operation[];
  readonly step: Operation;
}

const scripts: readonly Script[] = [
  { name: 'the change to the next file', options: wrap, before: puts(0, 12), step: large },
  { name: 'the change to the next file of lines', options: lines, before: puts(0, 18), step: large },
  {
    name: 'a change to a file while fewer are wanted',
    options: { ...wrap, maxNoFiles: 2 },
    before: puts(0, 12),
    step: large,
  },
  { name: 'a truncation of a wrap log', options: wrap, before: puts(0, 12), step: { type: 'truncate' } },
  {
    name: 'a truncation of a halt log',
    options: { logType: 'halt' },
    before: puts(0, 4),
    step: { type: 'truncate' },
  },
  { name: 'the next segment of a compact log', options: segments, before: puts(0, 4), step: large },
  {
    name: 'a truncation of segments',
    options: segments,
    before: puts(0, 12),
    step: { type: 'truncate' },
  },
  { name: 'the merging of segments', options: segments, before: puts(0, 12), step: { type: 'optimize' } },
  {
    name: 'the compaction of one file',
    options: { logType: 'halt' },
    before: puts(0, 12),
    step: { type: 'optimize' },
  },
];

/**
 * Runs a step during which some calls fail for lack of descriptors, while a reader reads the log. `isShort` gets the name
 * of a call and its number among the calls of that name. What is seen, then and after a restart, must be the state before
 * the step or the state after it.
 */
async function takeStep(
  { options, before, step }: Script,
  isShort: (call: string) => boolean,
): Promise<unknown> {
  const logDir = await scratch.directory();
  const fs = new FaultyFileSystem();
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  const store = await adapter.open('t', 0);
  for (const operation of before) await perform(store, operation);
  const { log: seen, live } = await contentsOf(store);
  const reader = store.readLogPages({})[Symbol.asyncIterator]();
  const read: string[] = [];
  const readOn = async () => {
    const { value } = (await reader.next()) as IteratorResult<Parameters<typeof entryText>[0][], undefined>;
    read.push(...(value ?? []).map(entryText));
    return value !== undefined;
  };
  await readOn();

  const counts = new Map<string, number>();
  fs.fault = (call) => {
    if (!needsDescriptor(call)) return undefined;
    const name = `${call.name} ${call.file}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return isShort(`${name} ${count}`) ? 'EMFILE' : undefined;
  };
  const error: unknown = await perform(store, step).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  fs.fault = () => undefined;

  if (error !== undefined) {
    expect(error).toMatchObject({ retriable: true });
    if (step.type === 'write') expect(error).toMatchObject({ details: { nothingStored: true } });
    const now = await contentsOf(store);
    // Outdated entries may be gone even so, because a compaction proceeds in steps.
    expect(step.type === 'optimize' ? now.live : now.log).toEqual(step.type === 'optimize' ? live : seen);
  }
  expect((await store.info()).details.failed).toBeNull();
  // A reader in progress continues with the entries that were there when it began.
  while (await readOn());
  expect(read.slice(0, seen.length)).toEqual(seen);
  await perform(store, step);
  await perform(store, put(99));
  expect((await contentsOf(store)).live).toContainEqual(['k1', 'v99']);
  const found = await contentsOf(store);
  await adapter.close();
  expect(fs.mistakes).toEqual([]);
  expect([...fs.openHandles]).toEqual([]);
  expect(await reopened(options, logDir)).toEqual(found);
  return error;
}

async function reopened(options: DiskLogOptions, logDir: string) {
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fastFileSystem);
  const found = await contentsOf(await adapter.open('t', 0));
  await adapter.close();
  return found;
}

describe.each(scripts)('a shortage of descriptors during $name', (script) => {
  it.each(['at one call', 'from one call on'])(
    'changes nothing, and the log goes on behind it (%s)',
    async (when) => {
      // Each call in turn is the first to be refused. Calls are counted by name: a merge may also be running, so the
      // same call does not always come at the same position after the start of the step.
      const met = new Set<string>();
      let refusals = 0;
      for (;;) {
        let first: string | undefined;
        const error = await takeStep(script, (call) => {
          if (first !== undefined) return when === 'from one call on';
          if (met.has(call)) return false;
          first = call;
          return true;
        });
        if (first === undefined) break;
        met.add(first);
        if (error !== undefined) refusals++;
      }
      // The shortage does affect the step.
      expect(refusals).toBeGreaterThan(1);
      expect([...met].some((name) => name.startsWith('openDirectory'))).toBe(true);
    },
  );
});

it('a shortage of descriptors during a read fails with a retriable error', async () => {
  const logDir = await scratch.directory();
  const fill = async (store: PartitionStore) => {
    for (const operation of puts(0, 12)) await perform(store, operation);
  };
  const first = new DiskLogStorageAdapter({ ...wrap, logDir }, fastFileSystem);
  await fill(await first.open('t', 0));
  await first.close();
  const fs = new FaultyFileSystem();
  const adapter = new DiskLogStorageAdapter({ ...wrap, logDir }, fs);
  fs.fault = (call) => (needsDescriptor(call) ? 'EMFILE' : undefined);
  await expect(adapter.open('t', 0)).rejects.toMatchObject({ code: 'IO_ERROR', retriable: true });
  fs.fault = () => undefined;
  const store = await adapter.open('t', 0);
  fs.fault = (call) => (needsDescriptor(call) ? 'EMFILE' : undefined);
  for (const key of ['k6', 'k0']) {
    await expect(store.get(key)).rejects.toMatchObject({ code: 'IO_ERROR', retriable: true });
  }
  await expect(contentsOf(store)).rejects.toMatchObject({ code: 'IO_ERROR', retriable: true });
  fs.fault = () => undefined;
  expect((await store.get('k0'))?.toString()).toBe('v7');
  await adapter.close();
});
