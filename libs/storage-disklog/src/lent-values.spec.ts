import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { type FileSystem, nodeFileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const large = (fill: string, bytes = 300_000) => Buffer.alloc(bytes, fill);

async function withStore(
  options: DiskLogOptions,
  run: (store: PartitionStore) => Promise<void>,
  fs: FileSystem = nodeFileSystem,
): Promise<Record<string, string>> {
  const logDir = await scratch.directory();
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  await run(await adapter.open('t', 0));
  await adapter.close();
  const again = new DiskLogStorageAdapter({ ...options, logDir });
  const found: Record<string, string> = {};
  for await (const { key, value } of (await again.open('t', 0)).scan()) {
    found[key.toString()] = `${value.length} ${value.toString('latin1', 0, 1)}`;
  }
  await again.close();
  return found;
}

const SETTINGS: DiskLogOptions[] = (['always', 'interval', 'os'] as const).flatMap((sync) => [
  { sync, logType: 'halt', format: 'internal' },
  { sync, logType: 'wrap', format: 'external' },
]);

describe('large values that are lent', () => {
  it.each(SETTINGS)(
    'are stored among others, in the order of the calls ($sync, $format)',
    async (options) => {
      const found = await withStore(options, async (store) => {
        const writes = [
          store.put('a', large('a'), { lent: true }),
          store.put('b', 'b'),
          store.put('c', large('c'), { lent: true }),
          store.batch([{ type: 'put', key: 'd', value: large('d') }], { lent: true }),
          store.batch(
            [
              { type: 'put', key: 'e', value: large('e') },
              { type: 'delete', key: 'b' },
            ],
            { lent: true },
          ),
        ];
        await Promise.all(writes);
        expect((await store.get('c'))?.equals(large('c'))).toBe(true);
      });
      expect(found).toEqual({ a: '300000 a', c: '300000 c', d: '300000 d', e: '300000 e' });
    },
  );

  it('belong to the caller again once the write has settled', async () => {
    const value = large('1');
    const found = await withStore({ logType: 'halt' }, async (store) => {
      await store.put('a', value, { lent: true });
      value.fill('2');
      await store.put('b', value, { lent: true });
      value.fill('x');
      expect((await store.get('a'))?.equals(large('1'))).toBe(true);
    });
    expect(found).toEqual({ a: '300000 1', b: '300000 2' });
  });

  it('are written completely even if the system accepts them piece by piece', async () => {
    const fs = new FaultyFileSystem();
    let next = 0;
    const counts = [1, 7, 24, 60, 100_000, 199_990, 1, 3];
    fs.fault = ({ name, file }) => (name === 'write' && file === 'log' ? counts[next++] : undefined);
    const run = async (store: PartitionStore) => {
      next = 0;
      await Promise.all([
        store.put('a', large('a'), { lent: true }),
        store.put('b', large('b'), { lent: true }),
      ]);
    };
    expect(await withStore({ logType: 'halt' }, run, fs)).toEqual({ a: '300000 a', b: '300000 b' });
    expect(next).toBeGreaterThan(counts.length);
  });

  it('leave no trace if there is no room for them', async () => {
    const fs = new FaultyFileSystem();
    const found = await withStore(
      { logType: 'halt' },
      async (store) => {
        await store.put('a', large('a'), { lent: true });
        let writes = 0;
        // Part of it is accepted, then nothing.
        fs.fault = ({ name }) => (name !== 'write' ? undefined : writes++ === 0 ? 100_000 : 'ENOSPC');
        const refused = await store.put('b', large('b'), { lent: true }).catch((error: unknown) => error);
        expect(isGenRocksError(refused) && refused.code).toBe('NO_SPACE');
        fs.fault = () => undefined;
        await store.put('c', large('c'), { lent: true });
      },
      fs,
    );
    expect(found).toEqual({ a: '300000 a', c: '300000 c' });
  });
});
