import type { BatchOperation } from '@genrocks/storage';
import { afterAll, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { MAX_VALUE_BYTES } from './entry-writes.js';
import { DiskLogStorageAdapter } from './index.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

it('accepts a value of the maximum size, refuses larger values and batches, and continues', async () => {
  const logDir = await scratch.directory();
  let adapter = new DiskLogStorageAdapter({ logDir, sync: 'os' });
  let store = await adapter.open('t', 0);
  const largest = Buffer.alloc(MAX_VALUE_BYTES);
  // Every page is different, so that none can pass for another.
  for (let at = 0; at < largest.length; at += 4096) largest.writeUInt32BE(at, at);
  const above = Buffer.alloc(MAX_VALUE_BYTES + 1);
  const tooLarge = expect.objectContaining({ code: 'TOO_LARGE', retriable: false }) as Error;
  const batch = Array.from({ length: 5 }, (_, i): BatchOperation => {
    return { type: 'put', key: `of a batch ${i}`, value: largest };
  });

  await store.put('largest', largest);
  await expect(store.put('above', above)).rejects.toEqual(tooLarge);
  await expect(store.put('lent', above, { lent: true })).rejects.toEqual(tooLarge);
  await expect(store.batch(batch)).rejects.toEqual(tooLarge);
  await store.put('after', 'small');
  await adapter.close();

  adapter = new DiskLogStorageAdapter({ logDir, sync: 'os' });
  store = await adapter.open('t', 0);
  expect((await store.get('largest'))?.equals(largest)).toBe(true);
  const keys: string[] = [];
  for await (const { key } of store.scan()) keys.push(key.toString());
  expect(keys).toEqual(['after', 'largest']);
  expect((await store.info()).details['damaged_ranges']).toEqual([]);
  await adapter.close();
});
