import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { BIN, BUILT, ended, GOLDEN, keysOf, ROOT, SLOW, useLogCommands } from './log-commands.js';

describe.skipIf(!BUILT)('genrocks log', { timeout: SLOW }, () => {
  const box = useLogCommands();
  const log = (...args: string[]) => box().log(...args);

  const numbered = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `key${from + i}`);

  async function golden(name: string): Promise<string> {
    const directory = join(box().cwd, name);
    await cp(join(GOLDEN, name), directory, { recursive: true });
    return directory;
  }

  async function flip(file: string, offset: number): Promise<void> {
    const bytes = await readFile(file);
    bytes[offset]! ^= 0x20;
    await writeFile(file, bytes);
  }

  it('dumps entries as JSON lines, in log order, exactly', async () => {
    const result = await log('dump', '--json', await golden('halt_tombstones'));
    expect(result).toEqual({
      code: 0,
      err: '',
      out: [
        '{"key":"key1","value":"value-1","timestamp":1700000000001}',
        '{"key":"key2","value":"value-2","timestamp":1700000000002}',
        '{"key":"key1","deleted":true,"timestamp":1700000000003}',
        '{"key":"key1","value":"new_value","timestamp":1700000000004}',
        '{"key":"key2","deleted":true,"timestamp":1700000000005}\n',
      ].join('\n'),
    });
    expect(keysOf(await log('dump', '--json', await golden('wrap_wrapped')))).toEqual(numbered(29, 40));
    const people = await log('dump', join(box().cwd, 'halt_tombstones'));
    expect(people.out.split('\n')[2]).toBe('2023-11-14T22:13:20.003Z  delete  key1');
  });

  it('a torn tail of an unclosed log is no damage', async () => {
    const directory = await golden('halt_torn');
    const result = await log('dump', '--json', directory);
    expect([result.code, keysOf(result)]).toEqual([0, numbered(1, 7)]);
    expect(result.err).toContain('never acknowledged');
    expect((await log('verify', directory)).code).toBe(0);
    expect(await readdir(directory)).toEqual(['log']);
  });

  it('damage: the readable entries, what is wrong where, exit code 2; repaired: clean', async () => {
    const directory = await golden('halt_closed');
    await flip(join(directory, 'log'), 60);
    const result = await log('dump', '--json', directory);
    expect([result.code, keysOf(result).length]).toEqual([2, 7]);
    expect(result.err).toMatch(/damaged: .*log: offset \d+, length \d+: /);
    const verified = await log('verify', '--json', directory);
    expect(verified.code).toBe(2);
    const report = JSON.parse(verified.out) as {
      clean: boolean;
      findings: { offset: number; reason: string }[];
    };
    expect(report.clean).toBe(false);
    expect(report.findings[0]).toMatchObject({
      offset: expect.any(Number) as number,
      reason: expect.any(String) as string,
    });

    const dry = await log('repair', '--dry-run', directory);
    expect([dry.code, await readdir(directory)]).toEqual([2, ['log']]);
    const repaired = await log('repair', directory);
    expect([repaired.code, repaired.err]).toEqual([0, '']);
    expect(await readdir(directory)).toContain('log.corrupt');
    expect((await log('verify', directory)).code).toBe(0);
    expect(keysOf(await log('dump', '--json', directory))).toEqual(keysOf(result));
  });

  it('a compact log without one of its segments: what is left, and exit code 2', async () => {
    const logDir = join(box().cwd, 'compact');
    const adapter = new DiskLogStorageAdapter({ logDir, logType: 'compact', maxNoBytes: 2000, sync: 'os' });
    const store = await adapter.open('t', 0);
    for (let i = 0; i < 60; i++) await store.put(`key${i}`, 'v'.repeat(60));
    await adapter.close();
    const directory = join(logDir, 't', 'partition_0');
    const segment = (await readdir(directory)).find((name) => /^log\.c\d+$/.test(name))!;
    await rm(join(directory, segment));
    const dumped = await log('dump', '--json', directory);
    expect(dumped.err).toContain(`damaged: ${join(directory, segment)}: the file is missing`);
    expect([dumped.code, keysOf(dumped).length < 60]).toEqual([2, true]);
    const missing = `damaged: ${join(directory, segment)}: the file is missing`;
    for (const command of ['export', 'import', 'backup']) {
      const result = await log(command, directory, `${command}ed`);
      expect([command, result.code, result.err]).toEqual([
        command,
        2,
        expect.stringContaining(missing) as string,
      ]);
    }
    expect((await log('repair', directory)).code).toBe(0);
    for (const command of ['export', 'import', 'backup'])
      expect([command, await log(command, directory, `${command}ed again`)]).toEqual([
        command,
        expect.objectContaining({
          code: 0,
          err: expect.not.stringContaining('damaged') as string,
        }) as unknown,
      ]);
  });

  it('answers hostile files and wrong arguments in one line', async () => {
    const directory = join(box().cwd, 'hostile');
    await mkdir(directory);
    const head = (await readFile(join(GOLDEN, 'halt_closed/log'))).subarray(0, 8);
    const huge = Buffer.from('7ffffff06257' + '4c41', 'hex');
    const files = [randomBytes(300_000), Buffer.concat([head, huge, randomBytes(5000), huge])];
    for (const bytes of files) {
      await writeFile(join(directory, 'log'), bytes);
      const [dumped, verified] = await Promise.all([
        log('dump', '--json', directory),
        log('verify', directory),
      ]);
      expect([dumped.code, dumped.out, verified.code]).toEqual([2, '', 2]);
    }
    const wrong = [
      ['dump', 'nowhere'],
      ['restore', directory, 'there'],
      ['dump', '--limit', '-3', directory],
    ];
    const results = await Promise.all(wrong.map((args) => log(...args)));
    expect(results.map(({ code }) => code)).toEqual([1, 1, 1]);
    for (const { err } of results) expect(err).not.toContain('    at ');
  });

  it('ends in peace when its reader goes away, and names partitions of a whole directory', async () => {
    const source = `
      import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
      const adapter = new DiskLogStorageAdapter({ logDir: process.argv[1], sync: 'os' });
      for (const topic of ['a', 'b/c']) {
        const store = await adapter.open(topic, 0);
        await store.batch(Array.from({ length: 20000 }, (_, i) => ({ type: 'put', key: 'k' + i, value: 'v'.repeat(50) })));
      }
      await adapter.close();`;
    const made = await ended(
      box().start(['--input-type=module', '-e', source, join(box().cwd, 'data')], { cwd: ROOT }),
    );
    expect(made).toMatchObject({ code: 0, err: '' });
    const child = box().start([BIN, 'log', 'dump', '--json', join(box().cwd, 'data')]);
    const first = await new Promise<string>((resolve) =>
      child.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(first).toMatch(/^\{"topic":"a","partition":0,"key":"k0",/);
    const code = new Promise((resolve) => child.on('exit', resolve));
    child.stdout!.destroy();
    expect(await code).toBe(0);
    const some = await log(
      'dump',
      '--json',
      '-n',
      '2',
      '--prefix',
      'k1999',
      join(box().cwd, 'data/b/c/partition_0'),
    );
    expect(keysOf(some)).toEqual(['k1999', 'k19990']);
  });

  it('a data directory of the Elixir GenRocks becomes topics that a broker serves', async () => {
    const imported = await log('import', '--json', '--state', 'kv', join(GOLDEN, 'genrocks_data'), 'data');
    expect(imported.code).toBe(0);
    expect(JSON.parse(imported.out)).toMatchObject({
      partitions: [{ topic: 'orders', messages: 20, groups: 1, otherKeys: 4 }],
    });
    const again = await log('import', join(GOLDEN, 'genrocks_data'), 'data');
    expect([again.code, again.err]).toEqual([1, expect.stringContaining('TARGET_NOT_EMPTY') as string]);

    const { child, url } = await box().serve(join(box().cwd, 'data'));
    const page = await request(url).get('/v1/topics/orders/partitions/0/messages?offset=18').expect(200);
    const { messages } = page.body as { messages: { offset: number; value: unknown; timestamp: number }[] };
    expect(messages.map(({ offset, value }) => ({ offset, value }))).toEqual([
      { offset: 18, value: { order_id: 'ORDER-18', amount: 18.5 } },
      { offset: 19, value: { order_id: 'ORDER-19', amount: 19.5 } },
    ]);
    const group = await request(url).get('/v1/groups/billing').expect(200);
    expect(group.body).toMatchObject({ offsets: [{ topic: 'orders', partition: 0, committed: 12 }] });
    const locked = await log('repair', join(box().cwd, 'data/orders'));
    expect([locked.code, locked.err]).toEqual([3, expect.stringContaining(`LOCKED`) as string]);
    expect((await log('verify', join(box().cwd, 'data'))).code).toBe(0);
    await box().stop(child);
    const dumped = await log('dump', '--messages', '--limit', '19', join(box().cwd, 'data/orders'));
    expect(dumped.code).toBe(0);
    const lines = dumped.out.trim().split('\n');
    expect(lines).toHaveLength(19);
    expect(JSON.parse(lines[18]!)).toMatchObject({
      topic: 'orders',
      partition: 0,
      offset: 18,
      value: { order_id: 'ORDER-18', amount: 18.5 },
    });
    const none = await log('dump', '--messages', join(box().cwd, 'data/orders.kv/partition_0'));
    expect([none.code, none.out, none.err]).toEqual([
      2,
      '',
      expect.stringContaining('its key is not an offset') as string,
    ]);
    expect((await log('dump', '--messages', '--prefix', 'a', join(box().cwd, 'data/orders'))).code).toBe(1);
    expect(keysOf(await log('dump', '--json', join(box().cwd, 'data/orders.kv/partition_0')))).toEqual([
      'a',
      'b',
      'complex',
      'key1',
    ]);
  });

  it('exports what imports again and Erlang reads', async () => {
    const exported = await log('export', await golden('wrap_open'), 'erlang');
    expect(exported).toMatchObject({ code: 0, err: '' });
    expect(exported.out).toContain('{type, wrap}, {size, {200, 3}}');
    expect((await readdir(join(box().cwd, 'erlang'))).sort()).toEqual([
      'log.1',
      'log.2',
      'log.3',
      'log.idx',
      'log.siz',
    ]);
    expect(keysOf(await log('dump', '--json', 'erlang'))).toEqual(numbered(29, 40));
  });
});
