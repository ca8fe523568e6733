import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const BENCH = fileURLToPath(new URL('../bench/dist/publish.js', import.meta.url));

interface Report {
  machine: Record<string, unknown>;
  results: { name: string; publishers: number; bytes: number; perSecond: number }[];
  ratios: { ratio: number }[];
}

/** Too short to measure anything; that every cell works is all it shows. */
it('npm run bench:publish measures every cell, tells no paths, and cleans up', async () => {
  const home = await mkdtemp(join(tmpdir(), 'genrocks-bench-test-'));
  try {
    const out = await mkdtemp(join(home, 'out-'));
    const dir = await mkdtemp(join(home, 'dir-'));
    const args = [BENCH, '--rounds', '1', '--ms', '10', '--dir', dir, '--out', out];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    expect(await once(child, 'close')).toEqual([0, null]);
    const json = await readFile(join(out, 'publish.json'), 'utf8');
    const { results, ratios, machine } = JSON.parse(json) as Report;
    expect(results).toHaveLength(36);
    expect(results.filter(({ perSecond }) => !(perSecond > 0))).toEqual([]);
    expect(ratios.map(({ ratio }) => ratio > 0)).toEqual([true, true, true, true]);
    expect(machine).toMatchObject({ node: process.version });
    for (const text of [json, await readFile(join(out, 'publish.md'), 'utf8')]) {
      expect(text).not.toContain(home);
    }
    expect(await readdir(dir)).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
