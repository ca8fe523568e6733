import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./fixtures/redrive-child.mjs', import.meta.url));
const MESSAGES = 450;
/** Dead letters that are put back before that is written down. */
const PAGE = 200;

let logDir: string;

beforeEach(async () => {
  logDir = await mkdtemp(join(tmpdir(), 'genrocks-redrive-'));
});
afterEach(() => rm(logDir, { recursive: true, force: true }));

function run(options: object) {
  const args = [CHILD, JSON.stringify({ logDir, ...options })];
  return new Promise<{ signal: string | undefined; values: number[]; redriven: number }>((resolve) => {
    execFile(process.execPath, args, (error, stdout) => {
      const { result, values } = JSON.parse(stdout || '{"values":[]}') as {
        result?: { redriven: number };
        values: number[];
      };
      resolve({ signal: error?.signal ?? undefined, values, redriven: result?.redriven ?? 0 });
    });
  });
}

it('a redrive that is killed is completed by the next one: nothing is lost, and a page at most stands twice', async () => {
  expect(await run({ bury: MESSAGES })).toMatchObject({ signal: undefined });
  // In the middle of a page, and between a page and its note.
  expect((await run({ redrive: true, dieBefore: 2 })).signal).toBe('SIGKILL');
  expect((await run({ redrive: true, dieBefore: 3 })).signal).toBe('SIGKILL');
  const { values } = await run({ redrive: true });
  const back = values.slice(MESSAGES);
  expect(new Set(back).size).toBe(MESSAGES);
  expect(back.length - MESSAGES).toBeLessThanOrEqual(2 * PAGE);
  expect(await run({ redrive: true })).toMatchObject({ redriven: 0 });
});
