import { afterAll, describe, expect, it } from 'vitest';
import { asText, logEntries, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import type { DiskLogOptions } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const T = 1_700_000_000_000;
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `key${from + i}=value-${from + i}@${T + from + i}`);

async function read(name: string, options: DiskLogOptions): Promise<string[]> {
  const logDir = await scratch.golden(name);
  return withStore({ logDir, ...options }, async (store) => asText(await logEntries(store)), 'golden');
}

describe("logs that Erlang's disk_log wrote", () => {
  it.each([
    ['halt_closed', 8],
    ['halt_open', 8],
    ['halt_torn', 7],
    ['halt_zero_tail', 8],
  ])('%s: entries 1 to %i', async (name, last) => {
    expect(await read(name, { logType: 'halt' })).toEqual(numbered(1, last));
  });

  it('halt_tombstones: deletions and what came after them', async () => {
    const logDir = await scratch.golden('halt_tombstones');
    await withStore(
      { logDir, logType: 'halt' },
      async (store) => {
        const head = [...numbered(1, 2), `key1-@${T + 3}`, `key1=new_value@${T + 4}`, `key2-@${T + 5}`];
        expect(asText(await logEntries(store))).toEqual(head);
        expect(await scanText(store)).toEqual({ key1: 'new_value' });
        expect(await store.exists('key2')).toBe(false);
      },
      'golden',
    );
  });

  it('halt_batch_list: a list of tuples in one item', async () => {
    const logDir = await scratch.golden('halt_batch_list');
    await withStore(
      { logDir, logType: 'halt' },
      async (store) => {
        const info = await store.info();
        expect([info.items, info.details.log_items]).toEqual([5, 3]);
        expect(Object.keys(await scanText(store))).toEqual(['key2', 'key4', 'key5']);
      },
      'golden',
    );
  });

  it('halt_big_terms: items on both sides of the size that carries an MD5', async () => {
    const logDir = await scratch.golden('halt_big_terms');
    await withStore(
      { logDir, logType: 'halt' },
      async (store) => {
        expect((await store.get('small'))?.length).toBe(65528 - 1 - 31);
        expect((await store.get('b65k'))?.length).toBe(65528 - 30);
        expect((await store.get('big'))?.equals(Buffer.alloc(200_000, 'B'))).toBe(true);
      },
      'golden',
    );
  });

  it('halt_any_terms: values that are not binaries read as JSON', async () => {
    const logDir = await scratch.golden('halt_any_terms');
    await withStore(
      { logDir, logType: 'halt' },
      async (store) => {
        const values = await scanText(store);
        const { unicode, ...others } = values;
        expect(unicode).toBe('Grüße €');
        expect(Object.fromEntries(Object.entries(others).map(([k, v]) => [k, JSON.parse(v)]))).toEqual({
          map: { id: 123, name: 'Test User', nested: { items: [1, 2, 3] } },
          float: 99.99,
          negative: '-12345678901234567890',
          list: ['a', 1, true, null, null],
          atom_keys: { order_id: 'ORDER-001', amount: 99.99 },
          charlist: [...Buffer.from('hello')],
          tuple: ['ok', 1, 'x'],
          bits: { base64: 'AQIw', bits_in_last_byte: 4 },
        });
      },
      'golden',
    );
  });

  it('wrap_partly_filled', async () => {
    expect(await read('wrap_partly_filled', { maxNoBytes: 1000, maxNoFiles: 3 })).toEqual(numbered(1, 8));
  });

  it.each(['wrap_wrapped', 'wrap_open'])('%s: the files in the order they were written', async (name) => {
    expect(await read(name, { maxNoBytes: 200, maxNoFiles: 3 })).toEqual(numbered(29, 40));
  });

  it('continues where Erlang stopped, wraps round, and reads everything again', async () => {
    const logDir = await scratch.golden('wrap_wrapped');
    const options = { logDir, maxNoBytes: 200, maxNoFiles: 3 };
    await withStore(options, (store) => store.put('ours', 'x'), 'golden');
    const entries = await withStore(options, (store) => logEntries(store), 'golden');
    expect(entries.at(-1)?.key.toString()).toBe('ours');
    expect(asText(entries).slice(0, -1)).toEqual(numbered(41 - entries.length + 1, 40));
  });
});

describe('a data directory that the Elixir GenRocks wrote', () => {
  it('opens as it is', async () => {
    const logDir = await scratch.golden('genrocks_data/orders/partition_0');
    await withStore(
      { logDir, maxNoBytes: 4096, maxNoFiles: 4 },
      async (store) => {
        const values = await scanText(store);
        expect(values.key1).toBe('new_value');
        expect(values.key2).toBeUndefined();
        expect(JSON.parse(values.complex!)).toMatchObject({ id: 123, name: 'Test User' });
        expect([values.a, values.b]).toEqual(['1', '2']);
        expect([values.offset_counter, values['consumer_offset:billing']]).toEqual(['20', '12']);
        expect(JSON.parse(values['msg:19']!)).toMatchObject({ offset: 19, topic: 'orders' });
        expect(Object.keys(values)).toHaveLength(26);
      },
      'golden',
    );
  });
});
