import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { enableCompileCache } from './compile-cache.js';

let parent: string;
const asked: (string | undefined)[] = [];
const node = { enableCompileCache: (directory?: string) => asked.push(directory) };

beforeEach(() => {
  asked.length = 0;
  parent = mkdtempSync(join(tmpdir(), 'genrocks-compile-cache-'));
  vi.stubEnv('TMPDIR', parent);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(parent, { recursive: true, force: true });
});

describe.skipIf(process.platform === 'win32')('the cache of compiled code', () => {
  it('lies in a directory that nobody else can write to', () => {
    enableCompileCache({}, node);
    enableCompileCache({}, node);
    const [directory] = asked;
    expect(asked).toEqual([directory, directory]);
    expect(directory).toBe(join(parent, `genrocks-cache-${process.getuid!()}`));
    expect(statSync(directory!).mode & 0o777).toBe(0o700);
  });

  it('is not used where others can write to it, or have made it', () => {
    enableCompileCache({}, node);
    const directory = asked.pop()!;
    chmodSync(directory, 0o777);
    enableCompileCache({}, node);
    rmSync(directory, { recursive: true });
    symlinkSync(parent, directory);
    enableCompileCache({}, node);
    expect(asked).toEqual([]);
  });

  it('is where NODE_COMPILE_CACHE says, and nowhere where Node has none', () => {
    enableCompileCache({ NODE_COMPILE_CACHE: '/elsewhere' }, node);
    expect(asked).toEqual(['/elsewhere']);
    expect(() => enableCompileCache({}, {})).not.toThrow();
  });

  it('leaves no directory behind where it is turned off', () => {
    enableCompileCache({ NODE_DISABLE_COMPILE_CACHE: '1' }, node);
    expect(asked).toEqual([]);
    expect(readdirSync(parent)).toEqual([]);
  });
});
