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
    execFile('sh', ['-c', command, process.execPath, BIN, ...args], { cwd }, (error, _stdout, stderr) =>
      resolve({ code: error?.code, stderr }),
    );
  });
}

describe.skipIf(!BUILT || process.platform === 'win32')('genrocks, where it may open too few files', () => {
  it.each([40, 64])('%i: says so in one line, with what to do', async (files) => {
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
