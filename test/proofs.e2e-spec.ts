import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Report {
  phases: { phase: string; messages?: number; open_files?: number; rss_high_mib: number }[];
}

/** The commands at full length are run by hand; their results are in bench/results. */
it.each([
  ['backlog', ['--messages', '20000'], { messages: 20_000 }],
  ['merging', ['--keys', '150000', '--max-stall', '1000'], { keys: 150_000 }],
  ['partitions', ['--partitions', '100', '--messages', '2'], { partitions: 100 }],
])('npm run proof:%s holds in short, and cleans up', async (name, args, facts) => {
  const home = await mkdtemp(join(tmpdir(), 'genrocks-proof-test-'));
  try {
    const out = await mkdtemp(join(home, 'out-'));
    const dir = await mkdtemp(join(home, 'dir-'));
    const program = fileURLToPath(new URL(`../bench/dist/proofs/${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [program, ...args, '--dir', dir, '--out', out], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    const text = await readFile(join(out, `${name}.json`), 'utf8');
    expect(text).not.toContain(home);
    const { phases } = JSON.parse(text) as Report;
    expect(phases).toHaveLength(2);
    for (const phase of phases) expect(phase).toMatchObject(facts);
    expect(await readdir(dir)).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

it('a proof that does not hold fails', async () => {
  const home = await mkdtemp(join(tmpdir(), 'genrocks-proof-test-'));
  try {
    const program = fileURLToPath(new URL('../bench/dist/proofs/backlog.js', import.meta.url));
    const args = [program, '--messages', '10', '--max-rss', '1', '--dir', home, '--out', join(home, 'out')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(err).toMatch(/^FAILED: memory \(publish, MiB\) is \d+, at most 1 is allowed$/m);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
