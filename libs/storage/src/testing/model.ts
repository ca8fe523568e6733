import assert from 'node:assert/strict';
import { keyToString, toKeyRange } from '../bytes.js';
import type { BatchOperation, PartitionStore, ScanOptions } from '../partition-store.js';
import type { TestContext, TestDefinition } from './harness.js';
import { collect, logText, Random } from './helpers.js';

const STEPS = 600;

interface Write {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
}

/** The model of a store: a plain Map and the list of all writes. Bytes are latin1 strings. */
class Model {
  readonly live = new Map<string, string>();
  writes: Write[] = [];

  apply(operation: BatchOperation): void {
    const key = keyToString(operation.key);
    if (operation.type === 'put') {
      const value = keyToString(operation.value);
      this.live.set(key, value);
      this.writes.push({ type: 'put', key, value });
    } else {
      // An adapter may or may not leave a tombstone when a missing key is deleted.
      if (this.live.delete(key)) this.writes.push({ type: 'delete', key, value: '' });
    }
  }

  clear(): void {
    this.live.clear();
    this.writes = [];
  }

  scan(options: ScanOptions): string[] {
    const { lower, upper, reverse, limit } = toKeyRange(options);
    const keys = [...this.live.keys()].filter((key) => key >= lower && (upper === undefined || key < upper));
    keys.sort((a, b) => (a < b ? -1 : 1));
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => `${hex(key)}=${hex(this.live.get(key)!)}`);
  }

  log(kind: 'history' | 'latest'): string[] {
    const last = new Map(this.writes.map((write, i) => [write.key, i]));
    return this.writes
      .filter((write, i) => kind === 'history' || (write.type === 'put' && last.get(write.key) === i))
      .map((write) =>
        write.type === 'put' ? `${hex(write.key)}=${hex(write.value)}` : `-${hex(write.key)}`,
      );
  }
}

const hex = (bytes: string) => Buffer.from(bytes, 'latin1').toString('hex');

class ModelRun {
  private readonly model = new Model();
  private readonly random: Random;
  private readonly keys: Buffer[];

  constructor(
    private readonly context: TestContext,
    private store: PartitionStore,
    seed: number,
  ) {
    this.random = new Random(seed);
    this.keys = Array.from({ length: 60 }, () => this.random.bytes(4));
  }

  async step(): Promise<void> {
    const dice = this.random.below(100);
    if (dice < 35) await this.write();
    else if (dice < 50) await this.writeTogether();
    else if (dice < 65) await this.read();
    else if (dice < 88) await this.scan();
    else if (dice < 93) await this.readLog();
    else if (dice < 96) await this.optimize();
    else if (dice < 97) await this.truncate();
    else if (this.context.supports.persistent) await this.reopen();
  }

  async readLog(): Promise<void> {
    const entries = await collect(this.store.readLogEntries());
    const found = entries.map((entry) =>
      entry.type === 'put'
        ? `${entry.key.toString('hex')}=${entry.value.toString('hex')}`
        : `-${entry.key.toString('hex')}`,
    );
    assert.deepEqual(found, this.model.log(this.context.supports.log), entries.map(logText).join(' '));
  }

  private async write(): Promise<void> {
    const operation = this.operation();
    this.model.apply(operation);
    if (operation.type === 'put') await this.store.put(operation.key, operation.value);
    else await this.store.delete(operation.key);
  }

  private async writeTogether(): Promise<void> {
    const operations: BatchOperation[] = [];
    for (let count = this.random.below(12); count > 0; count--) {
      const operation = this.operation();
      this.model.apply(operation);
      operations.push(operation);
    }
    if (this.random.chance(50)) await this.store.batch(operations);
    else await Promise.all(operations.map((operation) => this.store.batch([operation])));
  }

  private async read(): Promise<void> {
    const key = this.random.pick(this.keys);
    const expected = this.model.live.get(keyToString(key));
    const value = await this.store.get(key);
    assert.equal(value?.toString('latin1'), expected);
    assert.equal(await this.store.exists(key), expected !== undefined);
  }

  private async scan(): Promise<void> {
    const options: ScanOptions = { reverse: this.random.chance(50) };
    for (const name of ['gt', 'gte', 'lt', 'lte', 'prefix'] as const) {
      if (this.random.chance(25))
        options[name] = this.random.pick(this.keys).subarray(0, this.random.below(5));
    }
    if (this.random.chance(30)) options.limit = this.random.below(20);
    const entries = await collect(this.store.scan(options));
    const found = entries.map(({ key, value }) => `${key.toString('hex')}=${value.toString('hex')}`);
    assert.deepEqual(found, this.model.scan(options));
  }

  private async optimize(): Promise<void> {
    // In a log with history, it may reclaim overwritten values, which the model does not track.
    if (this.context.supports.log === 'latest') await this.store.optimize();
  }

  private async truncate(): Promise<void> {
    this.model.clear();
    await this.store.truncate();
  }

  private async reopen(): Promise<void> {
    await this.context.reopen();
    this.store = await this.context.open();
  }

  /** Deletes only existing keys: see {@link Model.apply}. */
  private operation(): BatchOperation {
    const key = this.random.pick(this.keys);
    if (this.random.chance(30) && this.model.live.has(keyToString(key))) return { type: 'delete', key };
    return { type: 'put', key, value: this.random.bytes(this.random.chance(5) ? 5000 : 20) };
  }
}

export const modelTests: TestDefinition[] = [
  {
    name: `${STEPS} random operations leave the store in the same state as a plain map`,
    async run(context) {
      const seed = context.harness.seed ?? 1;
      const run = new ModelRun(context, await context.open(), seed);
      for (let step = 0; step < STEPS; step++) {
        await run.step().catch((error: unknown) => {
          throw new Error(`seed ${seed}, step ${step}: ${(error as Error).message}`, { cause: error });
        });
      }
      await run.readLog();
    },
  },
];
