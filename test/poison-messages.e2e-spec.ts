import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./fixtures/poison-child.mjs', import.meta.url));
const INTERRUPTIONS = 2;

type Fact = [kind: string, ...rest: unknown[]];

let logDir: string;

beforeEach(async () => {
  logDir = await mkdtemp(join(tmpdir(), 'genrocks-poison-'));
});
afterEach(() => rm(logDir, { recursive: true, force: true }));

/** Runs the application until it ends, one way or the other; what it said by then. */
function run(options: object): Promise<Fact[]> {
  const text = JSON.stringify({ logDir, ...options });
  return new Promise((resolve) => {
    execFile(process.execPath, [CHILD, text], (_error, stdout) => {
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve(lines.map((line) => JSON.parse(line) as Fact));
    });
  });
}

const of = (facts: readonly Fact[], kind: string) => facts.filter(([is]) => is === kind);

describe('a message that ends the process of its handler', () => {
  it.each([
    ['kill', 1],
    ['throw', 4],
  ])(
    'by %s is a dead letter in the end, and all others are handled (concurrency %i)',
    async (how, concurrency) => {
      const messages = ['a', 'b', 'poison', 'c', 'd'].map((value, i) => ({
        value,
        partition: Number(i > 3),
      }));
      const options = { how, concurrency, retry: { interruptions: INTERRUPTIONS } };
      const facts = await run({ ...options, messages });
      let starts = 1;
      while (of(facts, 'finished').length === 0) {
        expect(++starts).toBeLessThan(10);
        facts.push(...(await run(options)));
      }
      // The first end is of nobody known; then each counts.
      expect(of(facts, 'try').filter(([, value]) => value === 'poison')).toEqual([
        ['try', 'poison', 1],
        ['try', 'poison', 1],
        ['try', 'poison', 2],
      ]);
      expect(of(facts, 'dead-letter')).toEqual([
        ['dead-letter', 0, 2, INTERRUPTIONS, 'DELIVERY_INTERRUPTED'],
      ]);
      expect(new Set(of(facts, 'done').map(([, value]) => value))).toEqual(new Set(['a', 'b', 'c', 'd']));
    },
  );
});
