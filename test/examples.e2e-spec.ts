import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const RUNNER = fileURLToPath(new URL('../examples/dist/run.js', import.meta.url));

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'genrocks-examples-'));
  await mkdir(join(home, 'tmp'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Runs the examples with a temporary directory of their own, so that what they leave behind is seen. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [RUNNER, ...args], {
    cwd: home,
    // What newer versions of Node keep of compiled code is meant to stay.
    env: { ...process.env, TMPDIR: join(home, 'tmp'), NODE_DISABLE_COMPILE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return { child, exit: once(child, 'close'), output: () => output };
}

describe('npm run example', () => {
  it.each(['basic', 'high-throughput', 'crash-recovery', 'configuration-comparison'])(
    '%s holds all its checks and cleans up',
    async (name) => {
      const { exit, output } = start(name, '--short');
      const [code] = (await exit) as [number];
      expect(output()).toContain(`${name}: all checks passed`);
      expect(output()).not.toContain('FAILED');
      expect(code).toBe(0);
      expect(await readdir(join(home, 'tmp'))).toEqual([]);
      expect(await readdir(home)).toEqual(['tmp']);
    },
  );

  it.each([[], ['no-such-example']])('lists the examples when it is called with %j', async (...args) => {
    const { exit, output } = start(...args);
    const [code] = (await exit) as [number];
    expect(code).toBe(2);
    for (const name of ['basic', 'high-throughput', 'crash-recovery', 'configuration-comparison']) {
      expect(output()).toContain(name);
    }
  });

  it('cleans up after Ctrl-C, and leaves no broker behind', async () => {
    const { child, exit, output } = start('crash-recovery', '--short');
    await new Promise<void>((resolve) => {
      child.stdout.on('data', () => output().includes('Load over HTTP') && resolve());
    });
    child.kill('SIGINT');
    // `close` comes when the broker, which shares standard error, has ended too.
    const [code] = (await exit) as [number];
    expect(code).toBe(130);
    expect(await readdir(join(home, 'tmp'))).toEqual([]);
    expect(existsSync(join(home, 'gen_rocks_data'))).toBe(false);
  });
});
