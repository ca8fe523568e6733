import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { CrashLedger, type Fact } from './crash-ledger.js';

const CHILD = fileURLToPath(new URL('./fixtures/crash-child.mjs', import.meta.url));
const PUBLISHERS = 4;
const PARTITIONS = 3;
const CYCLES = 5;

let logDir: string;
const children = new Set<ReturnType<typeof spawn>>();

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await rm(logDir, { recursive: true, force: true });
});

/** Runs the child; `enough` decides after each fact whether it is to be killed now. */
async function run(ledger: CrashLedger, mode: string, sync: string, enough: (fact: Fact) => boolean) {
  const options = { logDir, sync, partitions: PARTITIONS, publishers: PUBLISHERS, next: ledger.next };
  const child = spawn(process.execPath, [CHILD, mode, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const exit = once(child, 'exit');
  let killed = false;
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line of a process that was killed may be half of one; what it did not tell, it did not promise.
    const fact = parse(line);
    if (fact === undefined) {
      expect(killed).toBe(true);
      continue;
    }
    ledger.record(fact);
    if (!killed && enough(fact)) {
      killed = true;
      child.kill('SIGKILL');
    }
  }
  const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null];
  children.delete(child);
  return { code, signal };
}

function parse(line: string): Fact | undefined {
  try {
    return JSON.parse(line) as Fact;
  } catch {
    return undefined;
  }
}

describe('topics on the disk log, killed with SIGKILL again and again', () => {
  it.each(['always', 'os'])(
    'keep every acknowledgement, the order of keys and the offsets of groups (sync: %s)',
    async (sync) => {
      logDir = await mkdtemp(join(tmpdir(), 'genrocks-crash-'));
      const ledger = new CrashLedger(PUBLISHERS, PARTITIONS);
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        let left = 1 + Math.floor(Math.random() * 600);
        const ended = await run(ledger, 'publish', sync, (fact) => fact[0] !== 'start' && --left === 0);
        expect(ended.signal).toBe('SIGKILL');
      }
      const ended = await run(ledger, 'drain', sync, () => false);
      expect(ended).toEqual({ code: 0, signal: null });
      expect(ledger.drained).toBe(true);
      expect(ledger.acknowledged.size).toBeGreaterThan(0);
      ledger.judge();
    },
  );
});
