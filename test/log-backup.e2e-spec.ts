import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LogSnapshot, verifyLog } from '@genrocks/storage-disklog/tools';
import request from 'supertest';
import { describe, expect, it } from 'vitest';
import { BUILT, keysOf, ROOT, SLOW, useLogCommands } from './log-commands.js';

describe.skipIf(!BUILT)('genrocks log backup and restore', { timeout: SLOW }, () => {
  const box = useLogCommands();
  const log = (...args: string[]) => box().log(...args);

  it('backs up a log while another process writes and rotates it at full speed', async () => {
    const writer = `
      import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
      const adapter = new DiskLogStorageAdapter({ logDir: process.argv[1], maxNoFiles: 4, maxNoBytes: 20000 });
      const store = await adapter.open('t', 0);
      for (let next = 0; ; next += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, i) => store.put('key' + (next + i), 'v'.repeat(40))));
        process.stdout.write((next + 19) + '\\n');
      }`;
    const child = box().start(['--input-type=module', '-e', writer, join(box().cwd, 'data')], { cwd: ROOT });
    let acknowledged = -1;
    const running = new Promise<void>((resolve) =>
      child.stdout!.on('data', (chunk: Buffer) => {
        acknowledged = Number(chunk.toString().trim().split('\n').at(-1));
        if (acknowledged > 2000) resolve();
      }),
    );
    await running;
    for (let round = 0; round < 3; round++) {
      const before = acknowledged;
      const taken = await log('backup', 'data', 'backup');
      expect({ code: taken.code, err: taken.err }).toEqual({ code: 0, err: '' });
      expect((await log('verify', 'backup')).code).toBe(0);
      const restored = `restored-${round}`;
      expect((await log('restore', 'backup', restored)).code).toBe(0);
      const numbers = keysOf(await log('dump', '--json', join(restored, 't/partition_0'))).map((key) =>
        Number(key.slice(3)),
      );
      numbers.forEach((number, i) => expect(number).toBe(numbers[0]! + i));
      expect(numbers.at(-1)).toBeGreaterThanOrEqual(before);
      expect(numbers.length).toBeGreaterThan(300);
    }
    // The log itself, as it stands while it is written.
    const live = await log('verify', 'data');
    expect(live.code).toBe(0);
    expect(live.err).toContain(`is open in process ${child.pid}`);
    // It goes from file to file meanwhile, and is closed for moments.
    for (let look = 0; look < 50; look++) {
      const snapshot = await LogSnapshot.open(join(box().cwd, 'data/t/partition_0'));
      expect(await verifyLog(snapshot)).toMatchObject({ findings: [], openIn: child.pid });
      await snapshot.close();
    }
    const closed = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await closed;
    expect((await log('verify', 'data')).code).toBe(0);
  });

  it('backs up a running broker, and the copy serves what was acknowledged', async () => {
    const { child, url } = await box().serve(join(box().cwd, 'data'));
    const http = request(url);
    await http.post('/v1/topics').send({ name: 'shop/orders', partitions: 2 }).expect(201);
    for (let value = 0; value < 20; value++)
      await http
        .post('/v1/topics/shop%2Forders/messages')
        .send({ value, partition: value % 2 })
        .expect(201);
    expect((await log('backup', 'data', 'backup')).code).toBe(0);
    await http.post('/v1/topics/shop%2Forders/messages').send({ value: 'later', partition: 0 }).expect(201);
    expect((await log('backup', 'data', 'backup')).code).toBe(0);
    await box().stop(child);
    expect((await log('restore', 'backup', 'data')).code).toBe(1);
    await rm(join(box().cwd, 'data'), { recursive: true });
    expect((await log('restore', 'backup', 'data')).code).toBe(0);
    const again = await box().serve(join(box().cwd, 'data'));
    const page = await request(again.url).get('/v1/topics/shop%2Forders/partitions/0/messages').expect(200);
    const { messages } = page.body as { messages: { value: unknown }[] };
    expect(messages.map(({ value }) => value)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 'later']);
    await box().stop(again.child);
  });
});
