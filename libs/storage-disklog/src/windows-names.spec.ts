import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { WindowsRules } from './__fixtures__/windows-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { finishNames, replaceFile } from './io/windows-names.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe.runIf(process.platform === 'linux')('names by the rules of Windows', () => {
  const fileKinds: Record<string, DiskLogOptions> = {
    wrap: { logType: 'wrap', maxNoFiles: 4, maxNoBytes: 40_000 },
    halt: { logType: 'halt' },
    compact: { logType: 'compact', maxNoBytes: 40_000 },
  };
  it.each(Object.entries(fileKinds))(
    'a %s log changes its files under readers, and leaves none aside',
    async (_, options) => {
      const logDir = await scratch.directory();
      const adapter = new DiskLogStorageAdapter(
        { ...options, logDir, sync: 'os' },
        new WindowsRules().fileSystem,
      );
      const store = await adapter.open('t', 0);
      const fill = async () => {
        for (let i = 0; i < 300; i++)
          await store.put(`k${String(i % 200).padStart(3, '0')}`, '.'.repeat(1000));
      };
      await fill();
      for (const change of [fill, () => store.optimize(), () => store.truncate()]) {
        const { live } = await contentsOf(store);
        const found: string[] = [];
        for await (const { key } of store.scan()) if (found.push(key.toString()) === 10) await change();
        expect(found).toEqual(live.map(([key]) => key));
      }
      await fill();
      await adapter.close();
      const reopened = new DiskLogStorageAdapter({ ...options, logDir }, new WindowsRules().fileSystem);
      const again = await reopened.open('t', 0);
      expect((await again.get('k099'))?.length).toBe(1000);
      expect((await again.info()).details).toMatchObject({ damaged_ranges: [] });
      expect(readdirSync(partitionOf(logDir)).filter((name) => /replaced|removed/.test(name))).toEqual([]);
      await reopened.close();
    },
  );

  it('waits for a scanner that has a file open, and gives up after some time', async () => {
    const directory = await scratch.directory();
    const [from, to] = [join(directory, 'new'), join(directory, 'old')];
    const refused = Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
    let calls = 0;
    const busy = (times: number) => ({
      rename: async () => {
        if (calls++ < times) throw refused;
      },
      unlink: async () => {},
      pause: async () => {},
    });
    await replaceFile(busy(6), from, to);
    calls = 0;
    await expect(replaceFile(busy(Infinity), from, to)).rejects.toBe(refused);
    expect(calls).toBeLessThan(30);
  });

  it('the next open undoes a replacement that a crash interrupted, and removes leftovers', async () => {
    const directory = await scratch.directory();
    const { fileSystem } = new WindowsRules();
    writeFileSync(join(directory, 'log.1.replaced-1-0'), 'old');
    writeFileSync(join(directory, 'log.idx'), 'new');
    writeFileSync(join(directory, 'log.idx.replaced-1-1'), 'old');
    writeFileSync(join(directory, 'log.2.removed-1-2'), 'gone');
    await finishNames(fileSystem, directory);
    expect(readdirSync(directory).sort()).toEqual(['log.1', 'log.idx']);
    expect(readFileSync(join(directory, 'log.1'), 'utf8')).toBe('old');
    expect(readFileSync(join(directory, 'log.idx'), 'utf8')).toBe('new');
  });

  it('a replaced file that cannot be removed yet never comes back', async () => {
    const directory = await scratch.directory();
    const [from, to] = [join(directory, 'log.new'), join(directory, 'log.1')];
    writeFileSync(from, 'new');
    writeFileSync(to, 'old');
    const scanner = openSync(to, 'r');
    const { fileSystem } = new WindowsRules();
    await fileSystem.rename(from, to);
    expect(readFileSync(to, 'utf8')).toBe('new');
    await fileSystem.unlink(to);
    expect(readdirSync(directory)).toHaveLength(1);
    // The process that removed it is gone, and the pending removal with it.
    await finishNames(new WindowsRules().fileSystem, directory);
    expect(existsSync(to)).toBe(false);
    closeSync(scanner);
    await finishNames(new WindowsRules().fileSystem, directory);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('a store that is being read is not destroyed in part', async () => {
    const logDir = await scratch.directory();
    const adapter = new DiskLogStorageAdapter({ logDir }, new WindowsRules().fileSystem);
    const store = await adapter.open('t', 0);
    await store.put('a', '1');
    await store.close();
    const reader = openSync(join(partitionOf(logDir), 'log.1'), 'r');
    await expect(adapter.destroy('t', 0)).rejects.toMatchObject({ code: 'IO_ERROR' });
    expect((await (await adapter.open('t', 0)).get('a'))?.toString()).toBe('1');
    closeSync(reader);
    await adapter.close();
    const later = new DiskLogStorageAdapter({ logDir }, new WindowsRules().fileSystem);
    await later.destroy('t', 0);
    expect(existsSync(join(logDir, 't'))).toBe(false);
    await later.close();
  });
});
