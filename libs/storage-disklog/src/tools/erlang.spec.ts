import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { GOLDEN, partitionOf, Scratch, withStore } from '../__fixtures__/directories.js';
import { backupLogs, exportLog, LogSnapshot } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const HAS_ERLANG = spawnSync('erl', ['-noshell', '-eval', 'halt(0).']).status === 0;

/** What `disk_log` answers to open, and the keys it reads. */
function askErlang(directory: string, type: string): { opened: string; keys: string[] } {
  const program = `
    Open = disk_log:open([{name, x}, {file, "${join(directory, 'log')}"}${type}, {repair, false}, {mode, read_only}]),
    io:format("~p~n", [element(1, Open)]),
    Read = fun Read(C) -> case disk_log:chunk(x, C) of
      eof -> ok;
      {C2, Ts} -> [io:format("~s~n", [element(1, T)]) || I <- Ts, T <- lists:flatten([I])], Read(C2);
      {C2, Ts, Bad} -> io:format("bad ~p ~p~n", [Bad, length(Ts)]), Read(C2) end end,
    Read(start), disk_log:close(x), halt(0).`;
  const [opened, ...keys] = execFileSync('erl', ['-noshell', '-eval', program]).toString().trim().split('\n');
  return { opened: opened!, keys };
}

async function exported(directory: string): Promise<string> {
  const target = join(await scratch.directory(), 'exported');
  const log = await LogSnapshot.open(directory);
  await exportLog(log, target);
  await log.close();
  return target;
}

describe.skipIf(!HAS_ERLANG)('Erlang opens without repair', () => {
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `key${from + i}`);

  it('an exported halt log with large values and batches', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir, logType: 'halt', maxNoBytes: '10MB' }, async (store) => {
      await store.put('key0', Buffer.alloc(65_600, 1));
      await store.batch([
        { type: 'put', key: 'key1', value: 'a' },
        { type: 'delete', key: 'key2' },
      ]);
      await store.put('key3', 'b');
    });
    expect(askErlang(await exported(partitionOf(logDir)), '')).toEqual({ opened: 'ok', keys: numbers(0, 4) });
  });

  it('an exported wrap log, a backup of one that is being written, and an export of what Erlang wrote', async () => {
    const logDir = await scratch.directory();
    const type = ', {type, wrap}, {size, {2000, 4}}';
    const target = join(await scratch.directory(), 'backup');
    let first = 0;
    await withStore({ logDir, maxNoBytes: 2000, maxNoFiles: 4 }, async (store) => {
      for (let i = 0; i < 200; i++) await store.put(`key${i}`, 'v');
      first = 200 - (await store.info()).items;
      await backupLogs(partitionOf(logDir), target);
    });
    expect(first).toBeGreaterThan(0);
    expect(askErlang(await exported(partitionOf(logDir)), type)).toEqual({
      opened: 'ok',
      keys: numbers(first, 200),
    });
    expect(askErlang(target, type)).toEqual({ opened: 'ok', keys: numbers(first, 200) });
    const erlangs = await exported(join(GOLDEN, 'wrap_open'));
    expect(askErlang(erlangs, ', {type, wrap}, {size, {200, 3}}')).toEqual({
      opened: 'ok',
      keys: numbers(29, 41),
    });
  });
});
