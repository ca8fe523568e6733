import type * as Fs from 'node:fs';
import { afterAll, expect, it, vi } from 'vitest';
import { Scratch, scanText, withStore } from '../__fixtures__/directories.js';

/** Every file belongs to another user, who alone may keep its access time from being updated. */
const refused = vi.hoisted(() => ({ count: 0, errno: 'EPERM' }));
vi.mock('node:fs', async (original) => {
  const real = await original<typeof Fs>();
  const noAtime = (real.constants as { O_NOATIME?: number }).O_NOATIME ?? 0;
  const openSync: typeof real.openSync = (path, flags, mode) => {
    if (typeof flags === 'number' && (flags & noAtime) !== 0) {
      refused.count++;
      throw Object.assign(new Error('operation not permitted'), { code: refused.errno });
    }
    return real.openSync(path, flags, mode);
  };
  return { ...real, openSync };
});

const scratch = new Scratch();
afterAll(() => scratch.clear());

it.skipIf(process.platform !== 'linux')(
  'files that belong to another user are read all the same',
  async () => {
    const options = { logDir: await scratch.directory(), maxNoBytes: 300, maxNoFiles: 9 };
    await withStore(options, async (store) => {
      for (let i = 0; i < 12; i++) await store.put(`k${i}`, `v${i}`);
    });
    refused.count = 0;
    const found = await withStore(options, scanText);
    expect(found).toEqual(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${i}`, `v${i}`])));
    expect(refused.count).toBeGreaterThan(2);
    // Any other error is reported.
    refused.errno = 'EACCES';
    await expect(withStore(options, scanText)).rejects.toMatchObject({ code: 'IO_ERROR' });
  },
);
