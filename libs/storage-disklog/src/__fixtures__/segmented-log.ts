import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import type { Scratch } from './directories.js';
import { contentsOf } from './expected-log.js';
import { fastFileSystem } from './recording-file-system.js';

export const small: DiskLogOptions = { logType: 'compact', maxNoBytes: 4000, sync: 'os' };

export interface Opened {
  readonly adapter: DiskLogStorageAdapter;
  readonly store: PartitionStore;
  readonly events: StoreEvent[];
}

export async function open(options: DiskLogOptions): Promise<Opened> {
  const events: StoreEvent[] = [];
  const adapter = new DiskLogStorageAdapter(options, fastFileSystem);
  const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
  return { adapter, store, events };
}

export async function filesOf(store: PartitionStore): Promise<number> {
  return (await store.info()).details.files as number;
}

/** Writes keys, of which every tenth is overwritten and every seventh deleted, to many segments. */
export async function fill(store: PartitionStore, keys = 400): Promise<Map<string, string>> {
  const expected = new Map<string, string>();
  const name = (i: number) => `k${String((i * 7919) % keys).padStart(5, '0')}`;
  for (let i = 0; i < keys; i++) {
    await store.put(name(i), `first ${i} ${'.'.repeat(40)}`);
    expected.set(name(i), `first ${i} ${'.'.repeat(40)}`);
  }
  for (let i = 0; i < keys; i += 10) {
    await store.put(name(i), `second ${i}`);
    expected.set(name(i), `second ${i}`);
  }
  for (let i = 0; i < keys; i += 7) {
    await store.delete(name(i));
    expected.delete(name(i));
  }
  return expected;
}

export const sorted = (map: Map<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** A closed log of several segments, and its content. */
export async function filled(
  scratch: Scratch,
  options: DiskLogOptions = small,
): Promise<{ logDir: string; expected: [string, string][] }> {
  const logDir = await scratch.directory();
  const { adapter, store } = await open({ ...options, logDir });
  const expected = sorted(await fill(store));
  if ((await filesOf(store)) <= 3) throw new Error('too few segments for a test of them');
  await adapter.close();
  return { logDir, expected };
}

/** The content of a newly opened log. */
export async function liveIn(options: DiskLogOptions): Promise<(readonly [string, string])[]> {
  const { adapter, store } = await open(options);
  const { live } = await contentsOf(store);
  await adapter.close();
  return live;
}
