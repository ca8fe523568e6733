import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { messagesOfBatch } from '@genrocks/topics/records';
import { describe, expect, it } from 'vitest';
import { BIN, BUILT, type Ended, ended, SLOW, useLogCommands } from './log-commands.js';

const PRELOAD = fileURLToPath(new URL('fixtures/die-behind.cjs', import.meta.url));
const PARTITIONS = 2;
const MESSAGES = 1200;

describe.skipIf(!BUILT)('genrocks log import that is killed and run again', { timeout: SLOW }, () => {
  const box = useLogCommands();
  const at = (...names: string[]) => join(box().cwd, ...names);

  async function writeLegacy(): Promise<void> {
    const adapter = new DiskLogStorageAdapter({ logDir: at('old'), sync: 'os' });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const store = await adapter.open('orders', partition);
      for (let i = 0; i < MESSAGES; i++)
        await store.put(`msg:${i}`, JSON.stringify({ key: `k${i}`, value: 'v'.repeat(200) }));
      await store.put('consumer_offset:billing', '7');
    }
    await adapter.close();
  }

  const importTo = (target: string, env: Record<string, string> = {}): Promise<Ended> =>
    ended(box().start(['--require', PRELOAD, BIN, 'log', 'import', 'old', target], { env }));

  async function offsetsOf(target: string, partition: number): Promise<number[]> {
    const adapter = new DiskLogStorageAdapter({ logDir: at(target) });
    const offsets: number[] = [];
    for await (const { key, value } of (await adapter.open('orders', partition)).scan())
      offsets.push(
        ...messagesOfBatch({ topic: 'orders', partition }, key, value)!.map(({ offset }) => offset),
      );
    await adapter.close();
    return offsets;
  }

  it('has every message once, under its offset, and leaves nothing else behind', async () => {
    await writeLegacy();
    const whole = await importTo('whole');
    expect(whole.code).toBe(0);
    const changes = Number(/changes: (\d+)/.exec(whole.err)![1]);
    const deaths: Record<string, string>[] = [
      { TEST_DIE_BEHIND: String(randomInt(1, Math.floor(changes / 2))) },
      { TEST_DIE_BEFORE: 'new-1' },
    ];
    for (const [i, env] of deaths.entries()) {
      const target = `new-${i}`;
      expect(await importTo(target, env), JSON.stringify(env)).toMatchObject({ code: null });
      expect(await readdir(box().cwd)).not.toContain(target);
      const again = await importTo(target);
      expect(again, again.err).toMatchObject({ code: 0, out: whole.out });
      for (let partition = 0; partition < PARTITIONS; partition++)
        expect(await offsetsOf(target, partition)).toEqual(Array.from({ length: MESSAGES }, (_, i) => i));
      expect((await readdir(box().cwd)).filter((name) => name.startsWith(`${target}.`))).toEqual([]);
    }
  });
});
