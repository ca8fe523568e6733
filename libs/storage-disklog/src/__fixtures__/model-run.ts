import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '../index.js';
import { copyOpenLog, type Scratch } from './directories.js';
import {
  type Contents,
  contentsOf,
  ExpectedLog,
  type Limits,
  type Operation,
  perform,
  sizeOf,
  type Write,
} from './expected-log.js';
import { FORMATS } from '../format/formats.js';
import type { LogFormat } from '../format/log-format.js';
import { Random } from './random.js';
import { fastFileSystem } from './recording-file-system.js';

/**
 * Runs the same operations on a store and on a model of it, which must give the same answers after each step. Crashes
 * are copies of the directory while the store is open. Returns what differed, or undefined.
 */
export async function runModel(
  scratch: Scratch,
  logType: Limits['logType'],
  seed: number,
  steps: number,
  format: LogFormat['name'] = 'internal',
): Promise<string | undefined> {
  const run = new ModelRun(scratch, logType, new Random(seed), format);
  try {
    return await run.go(steps);
  } finally {
    await run.end();
  }
}

class ModelRun {
  private limits: Limits;
  private model: ExpectedLog;
  private store!: PartitionStore;
  private adapter!: DiskLogStorageAdapter;
  private readonly abandoned: DiskLogStorageAdapter[] = [];
  private logDir!: string;
  private counter = 0;
  private readonly trace: string[] = [];

  constructor(
    private readonly scratch: Scratch,
    private readonly logType: Limits['logType'],
    private readonly random: Random,
    private readonly format: LogFormat['name'],
  ) {
    this.limits = this.newLimits();
    this.model = new ExpectedLog(this.limits);
  }

  async go(steps: number): Promise<string | undefined> {
    this.logDir = await this.scratch.directory();
    await this.open();
    for (let step = 0; step < steps; step++) {
      const problem = (await this.step()) ?? (step % 5 === 0 ? await this.compare() : undefined);
      if (problem !== undefined) return `step ${step}: ${problem}\n${this.trace.slice(-12).join('\n')}`;
    }
    return this.compare();
  }

  async end(): Promise<void> {
    for (const adapter of [...this.abandoned, this.adapter]) await adapter.close().catch(() => undefined);
  }

  private async step(): Promise<string | undefined> {
    const { random } = this;
    const choice = random.int(100);
    if (choice < 70) return this.write(1 + random.int(4));
    if (choice < 74) return this.write(12);
    if (choice < 80) return this.checkScan();
    if (choice < 86) return this.reopen(false);
    if (choice < 92) return this.reopen(true);
    if (choice < 95) return this.change({ type: 'truncate' });
    return this.change({ type: 'optimize' });
  }

  /** Several writers at once. */
  private async write(writers: number): Promise<string | undefined> {
    const results = await Promise.all(
      Array.from({ length: writers }, async () => {
        const operation: Operation = { type: 'write', writes: this.newWrites() };
        const expected = this.model.apply(operation) ? 'ok' : 'LOG_FULL';
        const found = await perform(this.store, operation).then(() => 'ok', codeOf);
        return [expected, found];
      }),
    );
    this.trace.push(`write ${results.map(([, found]) => found).join(' ')}`);
    const wrong = results.find(([expected, found]) => expected !== found);
    return wrong && `a write should have answered ${wrong[0]} and answered ${wrong[1]}`;
  }

  private async change(operation: Operation): Promise<undefined> {
    this.trace.push(operation.type);
    await perform(this.store, operation);
    this.model.apply(operation);
  }

  private async reopen(crash: boolean): Promise<undefined> {
    if (crash) {
      const copy = await this.scratch.directory();
      copyOpenLog(this.logDir, copy);
      this.abandoned.push(this.adapter);
      this.logDir = copy;
    } else await this.adapter.close();
    if (this.random.chance(0.4)) this.limits = this.newLimits();
    this.model.setLimits(this.limits);
    this.trace.push(`${crash ? 'crash' : 'reopen'} ${JSON.stringify(this.limits)}`);
    await this.open();
  }

  private async compare(): Promise<string | undefined> {
    const contents = await contentsOf(this.store);
    const live = this.model.live();
    if (JSON.stringify(contents.live) !== JSON.stringify(live))
      return `live keys are ${JSON.stringify(contents.live)}, expected ${JSON.stringify(live)}`;
    const log = this.model.log();
    if (this.logType === 'compact') return compactedProblem(contents, log);
    return JSON.stringify(contents.log) === JSON.stringify(log)
      ? undefined
      : `the log is\n${contents.log.join('\n')}\nexpected\n${log.join('\n')}`;
  }

  /** A scan with random conditions. */
  private async checkScan(): Promise<string | undefined> {
    const { random } = this;
    const bound = () => (random.chance(0.4) ? `k${random.int(30)}` : undefined);
    const options = {
      gte: bound(),
      lt: bound(),
      reverse: random.chance(0.5),
      limit: random.chance(0.5) ? random.int(8) : undefined,
    };
    const found: string[] = [];
    for await (const { key, value } of this.store.scan(options))
      found.push(`${key.toString()}=${value.toString()}`);
    const { gte, lt, reverse, limit } = options;
    let expected = this.model
      .live()
      .filter(([key]) => (gte === undefined || key >= gte) && (lt === undefined || key < lt));
    if (reverse) expected = expected.reverse();
    const texts = expected.slice(0, limit).map(([key, value]) => `${key}=${value}`);
    return texts.join() === found.join()
      ? undefined
      : `scan ${JSON.stringify(options)}: ${found.join()}, not ${texts.join()}`;
  }

  private async open(): Promise<void> {
    this.adapter = new DiskLogStorageAdapter(
      { ...this.limits, logDir: this.logDir, sync: 'os' },
      fastFileSystem,
    );
    this.store = await this.adapter.open('t', 0);
  }

  private newWrites(): Write[] {
    const length = this.random.chance(0.2) ? 1 + this.random.int(6) : 1;
    return Array.from({ length }, () => {
      const key = `k${this.random.int(30)}`;
      const value = `${++this.counter}${'.'.repeat(this.random.int(this.random.chance(0.05) ? 2000 : 40))}`;
      return { key, value: this.random.chance(0.25) ? undefined : value };
    });
  }

  private newLimits(): Limits {
    const { logType, random, format } = this;
    const small = sizeOf([{ key: 'k1', value: '1' }], FORMATS[format]) + 8;
    const bytes = {
      wrap: small + random.int(900),
      halt: 4000 + random.int(30_000),
      compact: small + random.int(2500),
    };
    const maxNoBytes = bytes[logType];
    return { logType, format, maxNoBytes, maxNoFiles: logType === 'wrap' ? 1 + random.int(6) : 1 };
  }
}

/** A compact log may have lost any outdated entry, and nothing else; the rest keeps its order. */
function compactedProblem({ log, live }: Contents, written: readonly string[]): string | undefined {
  let at = -1;
  for (const text of log) {
    at = written.indexOf(text, at + 1);
    if (at < 0) return `${text} was not written, or not at this place of the log`;
  }
  const keys = new Set(log.map((text) => /^(k\d+)[-=]/.exec(text)![1]));
  const missing = live.find(([key]) => !keys.has(key));
  return missing && `${missing[0]} is live and not in the log`;
}

function codeOf(error: unknown): string {
  return isGenRocksError(error) ? error.code : String(error);
}
