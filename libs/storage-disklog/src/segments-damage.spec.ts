import { cp, mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { copyOpenLog, partitionOf, Scratch, snapshot } from './__fixtures__/directories.js';
import { contentsOf, entryText } from './__fixtures__/expected-log.js';
import { fill, filled, liveIn, open, small, sorted } from './__fixtures__/segmented-log.js';
import { readSegmentList, writeSegmentList } from './engine/segment-list.js';
import { LogSnapshot, repairLog, verifyLog } from './tools/index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe('the segments of a compact log', () => {
  it.each(['log.segments', undefined])(
    'leaves an unclosed log alone under repair: false (%s is missing)',
    async (missing) => {
      const { logDir } = await filled(scratch);
      const killed = await scratch.directory();
      const { adapter } = await open({ ...small, logDir });
      copyOpenLog(logDir, killed);
      await adapter.close();
      const directory = partitionOf(killed);
      // A file that looks as if it was being made when the process died: no list names it.
      await writeFile(join(directory, 'log.c999'), await readFile(join(directory, 'log')));
      if (missing !== undefined) await rm(join(directory, missing));
      await writeFile(join(directory, 'log.lock'), '');
      const before = await snapshot(directory);
      await expect(open({ ...small, logDir: killed, repair: false })).rejects.toMatchObject({
        code: 'NEED_REPAIR',
      });
      expect({ ...(await snapshot(directory)), 'log.lock': before['log.lock'] }).toEqual(before);
    },
  );

  it('finds its segments without their list, or with a damaged one', async () => {
    const { logDir, expected } = await filled(scratch);
    const { adapter, store } = await open({ ...small, logDir });
    await store.optimize();
    await store.put('later', 'x');
    await adapter.close();
    const live = sorted(new Map([...expected, ['later', 'x']]));
    const directory = partitionOf(logDir);
    const list = await readFile(join(directory, 'log.segments'));
    const changes: (Buffer | undefined)[] = [undefined];
    for (let at = 0; at < list.length; at += 19) {
      const changed = Buffer.from(list);
      changed[at]! ^= 1 << (at & 7);
      changes.push(changed, list.subarray(0, at));
    }
    const copy = await scratch.directory();
    for (const changed of changes) {
      await rm(copy, { recursive: true });
      await cp(logDir, copy, { recursive: true });
      const path = join(partitionOf(copy), 'log.segments');
      if (changed === undefined) await unlink(path);
      else await writeFile(path, changed);
      const opened = await open({ ...small, logDir: copy });
      expect((await contentsOf(opened.store)).live).toEqual(live);
      expect(opened.events.some(({ type }) => type === 'damaged')).toBe(true);
      await opened.adapter.close();
      expect((await readFile(path)).equals(list) || readSegmentList(await readFile(path))).toBeTruthy();
    }
  });

  it.each([
    ['restored', false],
    ['from before a compaction', true],
  ])('removes nothing where the list is older than the files: %s', async (_name, compacted) => {
    const { logDir, expected } = await filled(scratch);
    const directory = partitionOf(logDir);
    const list = await readFile(join(directory, 'log.segments'));
    const { adapter, store } = await open({ ...small, logDir });
    const live = new Map(expected);
    for (let i = 0; i < 120; i++) {
      await store.put(`later ${i}`, '.'.repeat(60));
      live.set(`later ${i}`, '.'.repeat(60));
    }
    if (compacted) await store.optimize();
    await adapter.close();
    expect((await readFile(join(directory, 'log.segments'))).equals(list)).toBe(false);
    await writeFile(join(directory, 'log.segments'), list);
    const repaired = await scratch.directory();
    await cp(logDir, repaired, { recursive: true });

    const opened = await open({ ...small, logDir });
    expect((await contentsOf(opened.store)).live).toEqual(sorted(live));
    expect(opened.events).toContainEqual(
      expect.objectContaining({ type: 'damaged', file: join(directory, 'log.segments') }),
    );
    await opened.adapter.close();

    const log = await LogSnapshot.open(partitionOf(repaired));
    expect((await verifyLog(log)).findings).toMatchObject([
      { file: join(partitionOf(repaired), 'log.segments') },
    ]);
    await log.close();
    await repairLog(partitionOf(repaired));
    const again = await open({ ...small, logDir: repaired });
    expect((await contentsOf(again.store)).live).toEqual(sorted(live));
    expect(again.events.some(({ type }) => type === 'damaged')).toBe(false);
    await again.adapter.close();
  });

  it('removes nothing if the list is from before a truncation, with higher sequence numbers', async () => {
    const logDir = await scratch.directory();
    const path = join(partitionOf(logDir), 'log.segments');
    const first = await open({ ...small, logDir });
    for (let i = 0; i < 150; i++) await first.store.put(`k${i}`, 'x');
    const list = await readFile(path);
    await first.store.truncate();
    await first.adapter.close();
    const live = new Map<string, string>();
    const { adapter, store } = await open({ ...small, logDir });
    for (let i = 0; i < 20; i++) {
      await store.put(`k${i}`, '.'.repeat(900));
      live.set(`k${i}`, '.'.repeat(900));
    }
    await adapter.close();
    await writeFile(path, list);
    expect(await liveIn({ ...small, logDir })).toEqual(sorted(live));
  });

  it('keeps its list if a crash has left segments that were merged, even if they end with a deletion', async () => {
    const logDir = await scratch.directory();
    const killed = await scratch.directory();
    const { adapter, store } = await open({ ...small, logDir });
    const live = new Map((await fill(store)).entries());
    await store.put('doomed', 'x'.repeat(8000));
    await store.delete('doomed');
    const merged = await scratch.directory();
    copyOpenLog(logDir, merged);
    await store.optimize();
    // The tombstone is gone with what it hid, so no closed segment is as new as the last merged one.
    for (const [name, items] of [
      ['empty', 0],
      ['written', 3],
    ] as const) {
      for (let i = 0; i < items; i++) {
        await store.put(`${name} ${i}`, 'x');
        live.set(`${name} ${i}`, 'x');
      }
      await rm(killed, { recursive: true });
      copyOpenLog(merged, killed);
      copyOpenLog(logDir, killed);
      const before = (await readdir(partitionOf(killed))).length;
      const opened = await open({ ...small, logDir: killed });
      expect(opened.events.some(({ type }) => type === 'damaged')).toBe(false);
      expect((await contentsOf(opened.store)).live).toEqual(sorted(live));
      expect((await readdir(partitionOf(killed))).length).toBeLessThan(before);
      await opened.adapter.close();
    }
    await adapter.close();
  });

  it('loses nothing by a repair if its list is from before a merge', async () => {
    const { logDir, expected } = await filled(scratch);
    const directory = partitionOf(logDir);
    const { adapter, store } = await open({ ...small, logDir });
    await store.put('last', 'x');
    await store.optimize();
    await adapter.close();
    const list = readSegmentList(await readFile(join(directory, 'log.segments')))!;
    const [{ lastSequence }] = [list.at(-2)!];
    // As it was when the current segment had just begun, before any merge.
    const earlier = { number: 7777, generation: 7777, end: 900, lastSequence, clean: false };
    await writeFile(join(directory, 'log.segments'), writeSegmentList([earlier, list.at(-1)!]));
    await expect(open({ ...small, logDir })).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    const log = await LogSnapshot.open(directory);
    expect((await verifyLog(log)).findings).toMatchObject([{ file: join(directory, 'log.segments') }]);
    await log.close();
    expect((await repairLog(directory)).after.clean).toBe(true);
    expect(await liveIn({ ...small, logDir })).toEqual(sorted(new Map([...expected, ['last', 'x']])));
  });

  it('removes segments that the list does not name, and nothing else', async () => {
    const { logDir, expected } = await filled(scratch);
    const directory = partitionOf(logDir);
    const names = await readdir(directory);
    const segment = names.find((name) => /^log\.c\d+$/.test(name))!;
    await cp(join(directory, segment), join(directory, 'log.c9999'));
    await writeFile(join(directory, 'log.c9999.keys'), 'x');
    await writeFile(join(directory, 'log.c1.mine'), 'x');
    await mkdir(join(directory, 'log.c8888'));
    expect(await liveIn({ ...small, logDir })).toEqual(expected);
    expect((await readdir(directory)).filter((name) => name !== 'log.end').sort()).toEqual(
      [...names, 'log.c1.mine', 'log.c8888'].filter((name) => name !== 'log.end').sort(),
    );
  });

  it('refuses to open without one of its segments, until it is repaired', async () => {
    const { logDir } = await filled(scratch);
    const directory = partitionOf(logDir);
    const left = Object.keys(await snapshot(directory)).find((name) => /^log\.c\d+$/.test(name))!;
    await unlink(join(directory, left));
    const isCorrupt = (error: unknown) => isGenRocksError(error, 'LOG_CORRUPT');
    await expect(open({ ...small, logDir })).rejects.toSatisfy(isCorrupt);
    const log = await LogSnapshot.open(directory);
    expect(await verifyLog(log)).toMatchObject({
      clean: false,
      findings: [{ file: join(directory, left), reason: 'the file is missing' }],
    });
    await log.close();
    await repairLog(directory);
    const { adapter, store } = await open({ ...small, logDir });
    expect((await contentsOf(store)).live.length).toBeGreaterThan(0);
    await adapter.close();
  });

  it('does not compact what it cannot read', async () => {
    const { logDir } = await filled(scratch);
    const directory = partitionOf(logDir);
    const names = (await readdir(directory)).filter((name) => /^log(\.c\d+)?$/.test(name));
    let victim = '';
    for (const name of names) {
      const bytes = await readFile(join(directory, name));
      const at = bytes.indexOf('first 3 ');
      if (at < 0) continue;
      bytes[at]! ^= 1;
      victim = name;
      await writeFile(join(directory, name), bytes);
    }
    expect(victim).not.toBe('');
    const { adapter, store, events } = await open({ ...small, logDir });
    await expect(store.optimize()).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    expect(events.filter(({ type }) => type === 'damaged')).toHaveLength(1);
    expect(await readdir(directory)).toContain(victim);
    const texts: string[] = [];
    for await (const entry of store.readLogEntries({ skipDamaged: true })) texts.push(entryText(entry));
    expect(texts.length).toBeGreaterThan(100);
    await adapter.close();
  });
});
