import { beforeEach, describe, expect, it } from 'vitest';
import { ArrayAdapter } from './__fixtures__/array-adapter.js';
import { type Codec, type PartitionStore, structuredCodec, TypedStore } from './index.js';

interface Cart {
  items: number;
}

/** Numbers as 8 bytes, so that they scan in the order of numbers. */
const numberCodec: Codec<number> = {
  name: 'uint64',
  encode(value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return bytes;
  },
  decode: (bytes) => Number(bytes.readBigUInt64BE()),
};

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('TypedStore', () => {
  let store: PartitionStore;
  beforeEach(async () => {
    store = await new ArrayAdapter().open('carts', 0);
  });

  it('stores JSON under text by default', async () => {
    const carts = new TypedStore<string, Cart>(store);
    await carts.put('älice', { items: 3 });
    expect(await carts.get('älice')).toEqual({ items: 3 });
    expect((await store.get('älice'))?.toString()).toBe('{"items":3}');
    expect(await carts.get('bob')).toBeUndefined();
    expect(await carts.exists('älice')).toBe(true);
    await carts.delete('älice');
    expect(await carts.exists('älice')).toBe(false);
  });

  it('isolates objects from what was stored', async () => {
    const carts = new TypedStore<string, Cart>(store);
    const cart = { items: 3 };
    const put = carts.put('alice', cart);
    cart.items = 4;
    await put;
    expect(await carts.get('alice')).toEqual({ items: 3 });
    (await carts.get('alice'))!.items = 9;
    expect(await carts.get('alice')).toEqual({ items: 3 });
  });

  it('applies batches completely, or not at all if a value cannot be encoded', async () => {
    const carts = new TypedStore<string, unknown>(store);
    await carts.put('old', 1);
    await carts.batch([
      { type: 'put', key: 'a', value: { items: 1 } },
      { type: 'delete', key: 'old' },
    ]);
    const failed = carts.batch([
      { type: 'put', key: 'b', value: 2 },
      { type: 'put', key: 'c', value: undefined },
    ]);
    await expect(failed).rejects.toMatchObject({ code: 'CODEC_FAILED' });
    expect(await collect(carts.scan())).toEqual([{ key: 'a', value: { items: 1 } }]);
  });

  it('scans by typed keys, in the order of their bytes', async () => {
    const numbers = new TypedStore<number, unknown>(store, { key: numberCodec, value: structuredCodec });
    for (const key of [300, 2, 10, 70_000, 0]) await numbers.put(key, new Set([key]));
    const keys = async (options: Parameters<typeof numbers.scan>[0]) =>
      (await collect(numbers.scan(options))).map(({ key }) => key);
    expect(await keys({})).toEqual([0, 2, 10, 300, 70_000]);
    expect(await keys({ gt: 2, lte: 300, reverse: true })).toEqual([300, 10]);
    expect(await keys({ gte: 2, lt: 300, limit: 1 })).toEqual([2]);
    expect((await collect(numbers.scan({ gte: 0, lt: 1 })))[0]?.value).toEqual(new Set([0]));
    const words = new TypedStore(await new ArrayAdapter().open('words', 0));
    for (const word of ['tea', 'team', 'to']) await words.put(word, 1);
    expect((await collect(words.scan({ prefix: 'te' }))).map(({ key }) => key)).toEqual(['tea', 'team']);
  });

  it('fails with CODEC_FAILED on bytes of another codec', async () => {
    await store.put('alice', 'not JSON');
    const carts = new TypedStore<string, Cart>(store);
    await expect(carts.get('alice')).rejects.toMatchObject({ code: 'CODEC_FAILED' });
    await expect(collect(carts.scan())).rejects.toMatchObject({ code: 'CODEC_FAILED' });
  });
});
