import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

interface Result {
  readonly name: string;
  readonly perSecond: number;
}

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'genrocks-bench-test-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Too short to measure anything; that every cell works is all it shows. */
it.each(['topics', 'kafka'])(
  'npm run bench:%s measures every cell without peers, tells no paths, and cleans up',
  async (name) => {
    const bench = fileURLToPath(new URL(`../bench/messaging/${name}.mjs`, import.meta.url));
    const out = await mkdtemp(join(home, 'out-'));
    const dir = await mkdtemp(join(home, 'dir-'));
    const args = [bench, '--quick', '--no-peers', '--ms', '20', '--dir', dir, '--out', out];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let progress = '';
    child.stderr.on('data', (text: Buffer) => (progress += text.toString()));
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(progress).not.toContain('failed');
    const json = await readFile(join(out, `${name}.json`), 'utf8');
    const { results } = JSON.parse(json) as { results: Result[] };
    expect(results.length).toBeGreaterThanOrEqual(4);
    expect(results.filter(({ perSecond }) => !(perSecond > 0))).toEqual([]);
    for (const text of [json, await readFile(join(out, `${name}.md`), 'utf8')]) {
      expect(text).not.toContain(home);
    }
    expect(await readdir(dir)).toEqual([]);
  },
);

it.each(['topics', 'kafka'])('bench:%s refuses an option it does not have', async (name) => {
  const bench = fileURLToPath(new URL(`../bench/messaging/${name}.mjs`, import.meta.url));
  const args = [bench, '--quick', '--no-peers', '--only', 'x', '--dir', home, '--out', home];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(errors).toContain("Unknown option '--only'");
});
