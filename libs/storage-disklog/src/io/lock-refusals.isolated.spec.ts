import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** What the kernel answers to a lock; undefined for success. */
let refusal: string | undefined;
/** The package finds no binary for this system, as on Alpine; the Linux binary is loaded by name. */
let isMusl = false;

vi.mock('node:module', async (original) => ({
  ...(await original<typeof import('node:module')>()),
  createRequire: () =>
    Object.assign(
      (name: string) => {
        const refuse = () => {
          if (refusal !== undefined) throw Object.assign(new Error(refusal), { code: refusal });
        };
        if (name === 'fs-native-extensions') {
          if (isMusl) throw Object.assign(new Error('no addon'), { code: 'ADDON_NOT_FOUND' });
          return { tryLock: () => (refuse(), true) };
        }
        expect(name).toBe(join('/pkg', 'prebuilds', `linux-${process.arch}`, 'fs-native-extensions.node'));
        return { tryLock: refuse };
      },
      { resolve: () => '/pkg/package.json' },
    ),
}));

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'genrocks-lock-')), 'log.lock');
});
afterEach(() => rmSync(dirname(path), { recursive: true, force: true }));

async function refused(code: string): Promise<unknown> {
  vi.resetModules();
  const { lockDirectory } = await import('./lock.js');
  refusal = code;
  try {
    return lockDirectory(path, 'the log');
  } catch (error) {
    return error;
  } finally {
    refusal = undefined;
  }
}

describe.runIf(process.platform === 'linux')('a kernel lock that is refused', () => {
  afterEach(() => void (isMusl = false));

  it.each(['ENOLCK', 'ENOTSUP', 'ENOSYS'])(
    'by a file system without locks (%s) says what to do',
    async (code) => {
      const before = readdirSync('/proc/self/fd').length;
      expect(await refused(code)).toMatchObject({
        code: 'IO_ERROR',
        message: expect.stringMatching(
          new RegExp(`does not support file locks \\(${code}\\).*local file system`),
        ) as string,
      });
      expect(readdirSync('/proc/self/fd').length).toBe(before);
    },
  );

  it('because another holds it, as Windows reports it, is LOCKED and names the owner', async () => {
    writeFileSync(path, '4711\n');
    expect(await refused('EBUSY')).toMatchObject({ code: 'LOCKED', details: { pid: 4711 } });
  });

  it('works on musl too: the binary for Linux is loaded by name', async () => {
    isMusl = true;
    expect(await refused('EAGAIN')).toMatchObject({ code: 'LOCKED' });
    expect(await refused('ENOLCK')).toMatchObject({ code: 'IO_ERROR' });
  });
});
