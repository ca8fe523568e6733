import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./fixtures/realm-child.mjs', import.meta.url));

let logDir: string;
beforeEach(async () => void (logDir = await mkdtemp(join(tmpdir(), 'genrocks-realm-'))));
afterEach(() => rm(logDir, { recursive: true, force: true }));

// Under Jest no error of Node's own is an `instanceof Error`, and the disk log lives by telling ENOENT from EEXIST.
it('works in a realm of its own, as tests have it under Jest', async () => {
  const flags = ['--experimental-vm-modules', '--no-warnings'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, CHILD, logDir], {
    timeout: 120_000,
  });
  expect(stdout.trim().split('\n')).toEqual(['created 0 Error', 'opened again 1 Error,Error']);
});
