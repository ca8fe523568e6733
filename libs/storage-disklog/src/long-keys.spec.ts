import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, expect, it } from 'vitest';
import { partitionOf, Scratch } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** An item as Erlang's disk_log lays out `{Key, Value, 1}`. */
function erlangItem(key: string, value: string): Buffer {
  const binary = (text: string) => {
    const head = Buffer.from([0x6d, 0, 0, 0, 0]);
    head.writeUInt32BE(text.length, 1);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const term = Buffer.concat([
    Buffer.from([0x83, 0x68, 3]),
    binary(key),
    binary(value),
    Buffer.from([0x61, 1]),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(term.length);
  const large = term.length >= 65528 ? [createHash('md5').update(size).digest()] : [];
  return Buffer.concat([size, Buffer.from('bWLA'), ...large, term]);
}

const prefix = 'k'.repeat(66_000);
const written = new Map([
  [`${prefix}a`, 'first'],
  [`${prefix}b`, 'second'],
  ['short', 'third'],
  ['x'.repeat(200_000), 'fourth'],
]);

async function expectAll(store: PartitionStore): Promise<void> {
  for (const [key, value] of written) expect((await store.get(key))?.toString()).toBe(value);
  const found = new Map<string, string>();
  for await (const { key, value } of store.scan())
    if (written.has(key.toString())) found.set(key.toString(), value.toString());
  expect(found).toEqual(written);
}

it('keys too long for an index, as Erlang may have written them, are kept in a compact log', async () => {
  const logDir = await scratch.directory();
  const options: DiskLogOptions = { logDir, logType: 'compact', maxNoBytes: 4000, sync: 'os' };
  await mkdir(partitionOf(logDir), { recursive: true });
  const head = Buffer.from('0102030463584d0b', 'hex');
  const items = [...written].map(([key, value]) => erlangItem(key, value));
  await writeFile(join(partitionOf(logDir), 'log'), Buffer.concat([head, ...items]));
  for (let round = 0; round < 3; round++) {
    const adapter = new DiskLogStorageAdapter(options);
    const store = await adapter.open('t', 0);
    await expectAll(store);
    if (round === 1) await store.delete('short').then(() => written.delete('short'));
    for (let i = 0; i < 100; i++) await store.put(`n${i % 9}`, 'v'.repeat(100));
    await expectAll(store);
    await store.optimize();
    await expectAll(store);
    const { details } = await store.info();
    expect(details).toMatchObject({ failed: null, damaged_ranges: [] });
    await adapter.close();
    const names = await readdir(partitionOf(logDir));
    expect(names).toContain('log.segments');
    expect(names).not.toContain('log.keys');
  }
});
