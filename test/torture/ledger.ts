import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import type { StoreEvent } from '@genrocks/storage';
import {
  contentsOf,
  ExpectedLog,
  type Limits,
  survivors,
} from '../../libs/storage-disklog/src/__fixtures__/expected-log.js';
import type { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { operationAt } from './operations.mjs';
import type { Rig, Torture } from './torture.js';

const WRITER = fileURLToPath(new URL('writer.mjs', import.meta.url));

/** A writing process and what it has acknowledged so far. */
export class Writer {
  /** As many operations as up to the last that was acknowledged: it stands behind all of them in the log. */
  acknowledged = 0;
  private count = 0;
  private readonly errors: string[] = [];
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  constructor(
    options: object,
    seed: number,
    from: number,
    private readonly writers: number,
  ) {
    const job = JSON.stringify({ options, seed, from, writers });
    this.child = spawn(process.execPath, [WRITER, job], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'close');
    this.child.stderr!.on('data', (chunk: Buffer) => this.errors.push(chunk.toString()));
    this.lines = createInterface({ input: this.child.stdout! });
    this.lines.on('line', (line) => {
      if (line === 'open') return;
      this.count++;
      // A compaction does not wait for the writes before it.
      if (operationAt(seed, Number(line)).type === 'optimize') return;
      this.acknowledged = Math.max(this.acknowledged, Number(line) + 1 - from);
    });
  }

  private readonly lines;

  /** Resolves when the first operation is acknowledged, or the process ended. */
  async started(): Promise<void> {
    await Promise.race([once(this.lines, 'line'), this.ended]);
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Kills the process; resolves when everything it printed was read. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** How many operations it may have begun: each writer waits for one. */
  get attempted(): number {
    return this.count + this.writers;
  }

  /** What it complained of, if it was not killed. */
  get complaint(): string | undefined {
    return this.errors.length === 0 ? undefined : this.errors.join('');
  }
}

/** A log over many crashes, and the model of what it must hold. */
export class Ledger {
  done = 0;
  lost = 0;
  badBytes = 0;
  private readonly model: ExpectedLog;

  constructor(
    readonly logDir: string,
    readonly seed: number,
    readonly limits: Limits,
  ) {
    this.model = new ExpectedLog(limits);
  }

  write(writers: number): Writer {
    return new Writer({ ...this.limits, logDir: this.logDir }, this.seed, this.done, writers);
  }

  /** Opens the log after a crash and throws unless it holds what it must. */
  async check(writer: Writer): Promise<void> {
    const operations = Array.from({ length: writer.attempted }, (_, i) =>
      operationAt(this.seed, this.done + i),
    );
    const events: StoreEvent[] = [];
    const adapter = new DiskLogStorageAdapter({ ...this.limits, logDir: this.logDir });
    try {
      const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
      const damage = events.find(({ type }) => type === 'damaged');
      if (damage !== undefined) throw new Error(`a crash was taken for damage: ${JSON.stringify(damage)}`);
      const compacted = this.limits.logType !== 'wrap';
      const contents = await contentsOf(store);
      const survived = survivors(contents, this.model, operations, writer.acknowledged, compacted);
      if (typeof survived === 'string') throw new Error(survived);
      for (const operation of operations.slice(0, survived)) this.model.apply(operation);
      this.done += survived;
      this.lost += writer.attempted - survived;
    } finally {
      await adapter.close();
    }
    for (const event of events) if (event.type === 'recovered') this.badBytes += event.badBytes;
  }
}

/** Small files and few of them, so that a second of writing goes round many times. */
export function randomLimits(random: Random): Limits {
  const kind = random.int(10);
  if (kind < 6)
    return { logType: 'wrap', maxNoBytes: 1000 + random.int(20_000), maxNoFiles: 2 + random.int(6) };
  // Compaction writes a halt log anew as well, so a large limit is enough.
  if (kind < 8) return { logType: 'halt', maxNoBytes: 1 << 30, maxNoFiles: 1 };
  return { logType: 'compact', maxNoBytes: 1 << 30, maxNoFiles: 1 };
}

async function run({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    const logDir = await mkdtemp(join(tmpdir(), 'genrocks-ledger-'));
    const ledger = new Ledger(logDir, random.int(2 ** 31), randomLimits(random));
    try {
      const cycles = 2 + random.int(8);
      for (let cycle = 0; cycle < cycles && (cycle < 2 || more()); cycle++) {
        const writer = ledger.write(random.pick([1, 4, 16, 64]));
        await writer.started();
        await new Promise((resolve) => setTimeout(resolve, random.int(200)));
        await writer.kill();
        if (writer.complaint !== undefined) throw new Error(writer.complaint);
        await ledger.check(writer);
      }
      const { done, lost, badBytes, limits } = ledger;
      say(
        `  ${cycles} kills over ${JSON.stringify(limits)}: ${done} operations, ${lost} unfinished, ${badBytes} torn bytes`,
      );
    } catch (error) {
      throw new Error(`${ledger.logDir}, seed ${ledger.seed}, ${JSON.stringify(ledger.limits)}`, {
        cause: error,
      });
    }
    await rm(logDir, { recursive: true, force: true });
  }
}

/** kill -9 at random moments: acknowledged is in recovered, recovered in attempted, order kept, batches whole. */
export const ledgerRig: Rig = { name: 'ledger', unavailable: () => undefined, run };
