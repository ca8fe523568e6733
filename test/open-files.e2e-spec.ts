import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../apps/broker/bin/genrocks.js', import.meta.url));
const BUILT = existsSync(fileURLToPath(new URL('../apps/broker/dist/main.js', import.meta.url)));

/** Runs `genrocks` where it may open so many files at once. */
async function genrocks(files: number, cwd: string, ...args: string[]) {
  const command = `ulimit -n ${files} && exec "$0" "$@"`;
  return new Promise<{ code: unknown; stderr: string }>((resolve) => {
    // One that has enough serves on: it must not outlive the test, nor take a port that another has.
    const env = { ...process.env, GENROCKS_HTTP_PORT: '0', GENROCKS_KAFKA_PORT: '0' };
    const options = { cwd, env, timeout: 45_000, killSignal: 'SIGKILL' } as const;
    execFile('sh', ['-c', command, process.execPath, BIN, ...args], options, (error, _stdout, stderr) =>
      resolve({ code: error?.code, stderr }),
    );
  });
}

describe.skipIf(!BUILT || process.platform === 'win32')('genrocks, where it may open too few files', () => {
  // How many are too few depends on what Node itself holds open: 26 holds fewer than 20.
  it.each([22, 24])('%i: says so in one line, with what to do', async (files) => {
    const cwd = await mkdtemp(join(tmpdir(), 'genrocks-files-'));
    const { code, stderr } = await genrocks(files, cwd, 'serve');
    await rm(cwd, { recursive: true, force: true });
    expect(stderr).toMatch(
      new RegExp(
        `^genrocks: TOO_MANY_FILES: this process may not open more than ${files} files .*ulimit -n.*\n$`,
      ),
    );
    expect(code).toBe(1);
  });
});
