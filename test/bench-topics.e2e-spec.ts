import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const BENCH = fileURLToPath(new URL('../bench/messaging/topics.mjs', import.meta.url));

/** Too short to measure anything; that every cell works is all it shows. */
it('npm run bench:topics measures every cell without peers, tells no paths, and cleans up', async () => {
  const home = await mkdtemp(join(tmpdir(), 'genrocks-bench-test-'));
  try {
    const out = await mkdtemp(join(home, 'out-'));
    const dir = await mkdtemp(join(home, 'dir-'));
    const args = [BENCH, '--quick', '--no-peers', '--ms', '20', '--dir', dir, '--out', out];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    expect(await once(child, 'close')).toEqual([0, null]);
    const json = await readFile(join(out, 'topics.json'), 'utf8');
    const { results } = JSON.parse(json) as { results: { perSecond: number; p99: number }[] };
    expect(results).toHaveLength(4);
    expect(results.filter(({ perSecond, p99 }) => !(perSecond > 0 && p99 > 0))).toEqual([]);
    for (const text of [json, await readFile(join(out, 'topics.md'), 'utf8')]) {
      expect(text).not.toContain(home);
    }
    expect(await readdir(dir)).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}, 120_000);
