import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asText, logEntries, partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import type { DiskLogOptions } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const HAS_ERLANG = spawnSync('erl', ['-noshell', '-eval', 'halt(0).']).status === 0;

const halt: DiskLogOptions = { logType: 'halt', format: 'external' };
const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 600, maxNoFiles: 3, format: 'external' };

const T = 1_700_000_000_000;
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `key${from + i}=value-${from + i}@${T + from + i}`);

describe("JSON lines that Erlang's disk_log wrote", () => {
  it('halt_external', async () => {
    const logDir = await scratch.golden('halt_external');
    await withStore(
      { ...halt, logDir },
      async (store) => expect(asText(await logEntries(store))).toEqual(numbered(1, 8)),
      'golden',
    );
  });

  it('wrap_external: reads the files in the order they were written, and continues from there', async () => {
    const logDir = await scratch.golden('wrap_external');
    const options: DiskLogOptions = { ...wrap, maxNoBytes: 200, logDir };
    await withStore(
      options,
      async (store) => {
        expect(asText(await logEntries(store))).toEqual(numbered(4, 10));
        for (let i = 0; i < 3; i++) await store.put(`ours${i}`, 'x');
      },
      'golden',
    );
    await withStore(
      options,
      async (store) =>
        expect((await logEntries(store)).slice(-3).map(({ key }) => key.toString())).toEqual([
          'ours0',
          'ours1',
          'ours2',
        ]),
      'golden',
    );
  });
});

describe.skipIf(!HAS_ERLANG)('Erlang goes on with our JSON lines', () => {
  function blog(logDir: string, type: string, text: string[]): void {
    const writes = text.map((line) => `ok = disk_log:blog(x, <<${JSON.stringify(`${line}\n`)}>>)`).join(', ');
    const program = `{ok, x} = disk_log:open([{name, x}, {file, "${join(partitionOf(logDir), 'log')}"}, {format, external}${type}]), ${writes}, ok = disk_log:close(x), halt(0).`;
    execFileSync('erl', ['-noshell', '-eval', program]);
  }
  const line = (key: string) => JSON.stringify({ key, value: 'theirs', timestamp: T });

  it('in a halt log', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...halt, logDir }, (store) => store.put('a', 'ours'));
    blog(logDir, '', [line('b'), line('c')]);
    await withStore({ ...halt, logDir }, async (store) => {
      await store.put('d', 'ours');
      expect(await scanText(store)).toEqual({ a: 'ours', b: 'theirs', c: 'theirs', d: 'ours' });
    });
  });

  it('in a wrap log, into the next file and round', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...wrap, logDir }, async (store) => {
      for (let i = 0; i < 12; i++) await store.put(`ours${i}`, 'x'.repeat(40));
    });
    const type = ', {type, wrap}, {size, {600, 3}}';
    for (let round = 0; round < 3; round++) {
      const text = Array.from({ length: 8 }, (_, i) => line(`round${round}-${i}`));
      blog(logDir, type, text);
      await withStore({ ...wrap, logDir }, async (store) => {
        const keys = (await logEntries(store)).map(({ key }) => key.toString());
        expect(keys.slice(-8)).toEqual(text.map((_, i) => `round${round}-${i}`));
        await store.put(`between${round}`, 'y');
        expect((await store.get(`between${round}`))?.toString()).toBe('y');
      });
    }
  });
});
