import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEntries, Scratch } from './__fixtures__/directories.js';
import { entryText } from './__fixtures__/expected-log.js';
import { FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const LIMIT = 1000;
const large = 'x'.repeat(700);

let fs: FaultyFileSystem;
let adapter: DiskLogStorageAdapter;
let store: PartitionStore;
beforeEach(async () => {
  fs = new FaultyFileSystem();
  const logDir = await scratch.directory();
  adapter = new DiskLogStorageAdapter({ logDir, logType: 'halt', maxNoBytes: LIMIT }, fs);
  store = await adapter.open('t', 0);
  await store.put('first', large);
});
afterEach(() => adapter.close());

const codes = (calls: readonly Promise<unknown>[]): Promise<string[]> =>
  Promise.all(
    calls.map((call) =>
      call.then(
        () => 'ok',
        (error: unknown) => (isGenRocksError(error) ? error.code : String(error)),
      ),
    ),
  );

const keys = async () => (await logEntries(store)).map((entry) => entryText(entry).replace(/=.*/, ''));

describe('a full halt log has room for writes queued behind its truncation', () => {
  it('at once, and for no more than will fit', async () => {
    const results = await codes([
      store.put('before', large),
      store.truncate(),
      store.put('a', large),
      store.put('more', large),
      store.put('b', 'y'),
      store.sync(),
      store.put('c', 'z'),
    ]);
    expect(results).toEqual(['LOG_FULL', 'ok', 'ok', 'LOG_FULL', 'ok', 'ok', 'ok']);
    expect(await keys()).toEqual(['a', 'b', 'c']);
  });

  it('while something else is queued before it, and while it runs', async () => {
    const calls = [store.sync(), store.put('small', 'y'), store.truncate(), store.put('a', large)];
    await calls[0];
    calls.push(store.put('b', 'y'));
    // Its first file is being written.
    while (!fs.calls.some(({ file }) => file === 'log.truncating')) await new Promise(setImmediate);
    calls.push(store.put('c', 'z'), store.put('more', large));
    expect(await codes(calls)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'LOG_FULL']);
    expect(await keys()).toEqual(['a', 'b', 'c']);
  });

  it('behind each of several', async () => {
    const rounds = Array.from({ length: 5 }, (_, i) => [store.truncate(), store.put(`k${i}`, large)]);
    expect(new Set(await codes(rounds.flat()))).toEqual(new Set(['ok']));
    expect(await keys()).toEqual(['k4']);
  });

  it('but never more than its limit, if the truncation fails', async () => {
    fs.fault = ({ name }) => (name === 'openDirectory' ? 'EMFILE' : undefined);
    const results = await codes([store.truncate(), store.put('a', large), store.sync(), store.put('b', 'y')]);
    expect(results).toEqual(['IO_ERROR', 'LOG_FULL', 'ok', 'ok']);
    expect(await keys()).toEqual(['first', 'b']);
    expect((await store.info()).bytes).toBeLessThanOrEqual(LIMIT);
    fs.fault = () => undefined;
    expect(await codes([store.truncate(), store.put('a', large)])).toEqual(['ok', 'ok']);
    expect(await keys()).toEqual(['a']);
  });
});
