import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { PartitionStore } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { machineFacts } from '../lib/machine.js';
import { DiskUse } from './lib/disk-use.js';
import { LoopTurns } from './lib/loop-turns.js';
import { assertAtMost, measurePhase, runPhase } from './lib/phase.js';
import { writeReport } from './lib/write-report.js';

/*
 * What it costs to merge the segments of a compact log: one of many keys is written in no order, some of them are
 * overwritten or deleted, and in a process of its own all of it is merged while somebody reads.
 */

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '2000000' },
    /** Bytes of a value; keys have 14. */
    bytes: { type: 'string', default: '40' },
    /** Highest resident memory of the merging process, MiB; extra disk, MiB; stall of its event loop, ms of CPU. */
    'max-rss': { type: 'string', default: '250' },
    'max-disk': { type: 'string', default: '24' },
    'max-stall': { type: 'string', default: '100' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: fileURLToPath(new URL('../../results', import.meta.url)) },
    phase: { type: 'string' },
  },
});

const keys = Number(values.keys);
if (!(keys >= 8)) throw new Error('--keys must be a number from 8');
const value = Buffer.alloc(Number(values.bytes), 'v');
/** Puts that wait together. */
const CROWD = 1000;

const isOverwritten = (i: number) => i % 4 === 0;
const isDeleted = (i: number) => i % 8 === 1;
const live = keys - Math.ceil((keys - 1) / 8);

/** Neighbours in time are far apart in key order; no two are the same. */
function keyOf(i: number): string {
  return `key-${String((i * 7_368_787) % keys).padStart(10, '0')}`;
}

async function withStore<T>(
  work: (store: PartitionStore, merged: { bytes: number; steps: number }) => Promise<T>,
): Promise<T> {
  const adapter = new DiskLogStorageAdapter({ logDir: values.dir, logType: 'compact', sync: 'os' });
  const merged = { bytes: 0, steps: 0 };
  try {
    const store = await adapter.open('merging', 0, {
      onEvent(event) {
        if (event.type !== 'compacted') return;
        merged.bytes += event.bytes;
        merged.steps++;
      },
    });
    return await work(store, merged);
  } finally {
    await adapter.close();
  }
}

async function measured(work: () => Promise<void>): Promise<Record<string, number>> {
  const turns = new LoopTurns();
  const before = process.cpuUsage();
  try {
    await work();
  } finally {
    turns.stop();
  }
  const { user, system } = process.cpuUsage(before);
  return {
    cpu_seconds: (user + system) / 1e6,
    longest_turn_cpu_ms: turns.longestCpuMs,
    longest_turn_ms: turns.longestMs,
  };
}

async function fill(): Promise<Record<string, number>> {
  return withStore(async (store, merged) => {
    const all = async (is: (i: number) => boolean, write: (key: string) => Promise<void>) => {
      const crowd: Promise<void>[] = [];
      for (let i = 0; i < keys; i++) {
        if (!is(i)) continue;
        crowd.push(write(keyOf(i)));
        if (crowd.length === CROWD) await Promise.all(crowd.splice(0));
      }
      await Promise.all(crowd);
    };
    const facts = await measured(async () => {
      await all(
        () => true,
        (key) => store.put(key, value),
      );
      await all(isOverwritten, (key) => store.put(key, value));
      await all(isDeleted, (key) => store.delete(key));
    });
    const written = Math.ceil(keys * 1.375);
    return {
      keys,
      writes: written,
      ...facts,
      merged_segments: merged.steps,
      merged_mib: merged.bytes / 2 ** 20,
    };
  });
}

async function merge(): Promise<Record<string, number>> {
  return withStore(async (store, merged) => {
    const before = await store.info();
    let isDone = false;
    let slowest = 0;
    let gets = 0;
    const reader = async () => {
      for (let i = 0; !isDone; i += 7919) {
        const began = performance.now();
        if (((await store.get(keyOf(i % keys))) === undefined) !== isDeleted(i % keys))
          throw new Error(`${keyOf(i % keys)} is not what was written`);
        slowest = Math.max(slowest, performance.now() - began);
        gets++;
        await pause(1);
      }
    };
    const facts = await measured(async () => {
      await Promise.all([store.optimize().finally(() => (isDone = true)), reader()]);
    });
    const after = await store.info();
    if (after.items !== live) throw new Error(`${after.items} entries are left, not ${live}`);
    return {
      keys,
      ...facts,
      slowest_get_ms: slowest,
      gets,
      entries_before: before.items,
      entries: after.items,
      segments_before: Number(before.details.files),
      segments: Number(after.details.files),
      merged_mib: merged.bytes / 2 ** 20,
      log_mib: before.bytes / 2 ** 20,
    };
  });
}

async function prove(): Promise<void> {
  const directory = mkdtempSync(join(values.dir, 'genrocks-merging-'));
  const machine = machineFacts(directory);
  try {
    const args = { keys, bytes: value.length, dir: directory };
    const program = fileURLToPath(import.meta.url);
    const filled = await runPhase(program, 'fill', args);
    let disk: DiskUse | undefined;
    const merging = await runPhase(program, 'merge', args, (pid) => (disk = new DiskUse(directory, pid)));
    disk!.stop();
    const extra = (disk!.highest - disk!.start) / 2 ** 20;
    const [rss, room, stall] = [
      Number(values['max-rss']),
      Number(values['max-disk']),
      Number(values['max-stall']),
    ];
    writeReport(values.out, 'merging', {
      title: `Merging a compact log of ${keys.toLocaleString('en')} keys`,
      command: `npm run proof:merging -- --keys ${keys} --bytes ${value.length}`,
      machine,
      phases: [filled, { ...merging, extra_disk_mib: extra }],
      verdict: [
        'Every key that was not deleted is there once, in its newest version, and none that was.',
        `The command fails above ${rss} MiB, ${room} MiB of extra disk, or a stall of ${stall} ms of CPU while it merges.`,
      ],
    });
    assertAtMost('memory (MiB)', merging.rss_high_mib, rss);
    assertAtMost('extra disk (MiB)', extra, room);
    assertAtMost('the longest stall (ms of CPU)', Number(merging.longest_turn_cpu_ms), stall);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (values.phase === 'fill') await measurePhase('fill', fill);
else if (values.phase === 'merge') await measurePhase('merge', merge);
else await prove();
