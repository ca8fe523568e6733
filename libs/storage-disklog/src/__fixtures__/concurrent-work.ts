import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { isError, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import { copyOpenLog, type Scratch } from './directories.js';
import { contentsOf } from './expected-log.js';
import { FaultyFileSystem, needsDescriptor } from './faulty-file-system.js';
import type { Random } from './random.js';
import { fastFileSystem } from './recording-file-system.js';

const OPENINGS = 4;
const KEYS = 60;
/** No call takes this long, even if it waits for others to finish, unless it hangs. */
const HANGS_MS = 30_000;
const REFUSALS = ['IO_ERROR', 'NO_SPACE', 'LOG_FULL', 'STORE_CLOSED', 'SYNC_FAILED'];

/** A requested change. It counts once it is settled, in the order of the requests. */
interface Change {
  readonly apply: () => void;
  readonly settled: Promise<void>;
  isDone: boolean;
}

/** One opening of a log, and everything that runs concurrently in it. */
class Work {
  private readonly changes: Change[] = [];
  private readonly optimizing: Promise<void>[] = [];
  /** The log accepted no more writes; refused writes may be stored all the same. */
  private isInDoubt = false;

  constructor(
    private readonly random: Random,
    private readonly store: PartitionStore,
    /** What the log must contain. */
    private readonly model: Map<string, string>,
  ) {}

  async go(): Promise<void> {
    const { random } = this;
    const steps = 50 + random.int(250);
    for (let i = 0; i < steps; i++) {
      this.step(i);
      if (random.chance(1 / 6)) await turn();
      if (random.chance(1 / 25)) await pause(random.int(3));
      if (random.chance(1 / 60)) await this.changes.at(-1)?.settled;
    }
  }

  /** Resolves when all changes are settled. */
  async settled(): Promise<void> {
    for (const { settled } of this.changes) await settled;
  }

  /** Resolves when nothing is running any more. */
  async ended(): Promise<void> {
    await this.settled();
    await Promise.all(this.optimizing);
  }

  /** Applies what was acknowledged; false if only the log can say what it contains. */
  count(): boolean {
    for (const { apply, isDone } of this.changes) if (isDone) apply();
    return !this.isInDoubt;
  }

  private step(i: number): void {
    const { random, store, model } = this;
    const key = `k${random.int(KEYS)}`;
    const what = random.int(40);
    if (what === 0) this.change(store.truncate(), () => model.clear());
    else if (what <= 2) this.optimizing.push(store.optimize().catch(this.refused));
    else if (what <= 8) this.change(store.delete(key), () => model.delete(key));
    else {
      const value = `${i} ${'.'.repeat(random.int(120))}`;
      this.change(store.put(key, value), () => model.set(key, value));
    }
  }

  private change(made: Promise<void>, apply: () => void): void {
    const done = () => void (change.isDone = true);
    const change: Change = { apply, isDone: false, settled: made.then(done, this.refused) };
    this.changes.push(change);
  }

  private readonly refused = (error: unknown): void => {
    const code = isError(error) && 'code' in error ? String(error.code) : '';
    if (!REFUSALS.includes(code)) throw error;
    if (code === 'SYNC_FAILED') this.isInDoubt = true;
  };
}

/** Now and then descriptors or space run out for a while. */
function withShortages(fs: FaultyFileSystem, random: Random): void {
  let until = 0;
  let wantsRoom = false;
  fs.fault = (call) => {
    if (until === 0 && random.chance(1 / 300)) {
      until = call.index + random.int(40);
      wantsRoom = random.chance(0.5);
    }
    if (call.index > until) {
      until = 0;
      return undefined;
    }
    if (wantsRoom) return call.name === 'write' ? 'ENOSPC' : undefined;
    return needsDescriptor(call) ? 'EMFILE' : undefined;
  };
}

/**
 * Writes, deletions, truncations and compactions that do not wait for each other, combined with shortages, kills, and
 * closing in the middle. After the next opening, acknowledged changes must be there, in the order of the calls, and
 * refused ones must not. No call may hang.
 * @returns what is wrong
 */
export async function workConcurrently(scratch: Scratch, random: Random): Promise<string | undefined> {
  const isHalt = random.chance(1 / 4);
  const options: DiskLogOptions = {
    logType: isHalt ? 'halt' : 'compact',
    maxNoBytes: isHalt ? 400_000 : random.pick([600, 2000, 6000]),
    sync: random.pick(['os', 'interval', 'always']),
    format: random.pick(['internal', 'internal', 'external']),
  };
  const isShort = random.chance(0.5);
  const model = new Map<string, string>();
  let logDir = await scratch.directory();
  for (let opening = 0; opening < OPENINGS; opening++) {
    const fs = new FaultyFileSystem();
    const adapter = new DiskLogStorageAdapter({ ...options, logDir }, isShort ? fs : fastFileSystem);
    const work = new Work(random, await adapter.open('t', 0), model);
    if (isShort) withShortages(fs, random);
    const ended = endOne(scratch, random, adapter, work, logDir, fs);
    const found = await Promise.race([ended, pause(HANGS_MS, undefined, { ref: false })]);
    const where = `${JSON.stringify(options)}, shortages: ${isShort}, opening ${opening}`;
    if (found === undefined) return `a call waits for ever (${where})`;
    logDir = found;
    if (fs.mistakes.length > 0) return `${fs.mistakes.join(', ')} (${where})`;
    const problem = await compare({ ...options, logDir }, model, work.count());
    if (problem !== undefined) return `${problem} (${where})`;
  }
  return undefined;
}

/** Works, and ends the work in one of three ways. Returns where the log is. */
async function endOne(
  scratch: Scratch,
  random: Random,
  adapter: DiskLogStorageAdapter,
  work: Work,
  logDir: string,
  fs: FaultyFileSystem,
): Promise<string> {
  await work.go();
  const how = random.pick(['closed at rest', 'closed', 'killed']);
  if (how !== 'closed') await work.settled();
  if (how === 'closed at rest') await work.ended();
  let left = logDir;
  if (how === 'killed') {
    await pause(random.int(4));
    left = await scratch.directory();
    copyOpenLog(logDir, left);
    fs.fault = () => undefined;
  }
  await adapter.close().catch((error: unknown) => {
    if (!isError(error) || !('code' in error) || !REFUSALS.includes(String(error.code))) throw error;
  });
  await work.ended();
  return left;
}

async function compare(
  options: DiskLogOptions,
  model: Map<string, string>,
  isSure: boolean,
): Promise<string | undefined> {
  const damage: StoreEvent[] = [];
  const adapter = new DiskLogStorageAdapter(options, fastFileSystem);
  const onEvent = (event: StoreEvent) => void (event.type === 'damaged' && damage.push(event));
  const { live } = await contentsOf(await adapter.open('t', 0, { onEvent }));
  await adapter.close();
  if (damage.length > 0) return `damage is reported: ${JSON.stringify(damage)}`;
  const found = new Map(live);
  const differing = [...new Set([...found.keys(), ...model.keys()])].filter(
    (key) => found.get(key) !== model.get(key),
  );
  if (isSure && differing.length > 0) {
    const [key] = differing;
    return `${differing.length} keys differ; ${key} is ${found.get(key!)} and not ${model.get(key!)}`;
  }
  model.clear();
  for (const [key, value] of found) model.set(key, value);
  return undefined;
}
