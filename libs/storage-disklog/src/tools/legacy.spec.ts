import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { GOLDEN, partitionOf, Scratch, snapshot, withStore } from '../__fixtures__/directories.js';
import { type LegacyMessage, LegacyStore, LogSnapshot } from './index.js';
import { rawFields } from './json-fields.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function read(directory: string) {
  const log = await LogSnapshot.open(directory);
  try {
    const store = await LegacyStore.read(log);
    const messages: LegacyMessage[] = [];
    for await (const message of store.readMessages())
      messages.push({ ...message, value: message.value && Buffer.from(message.value) });
    const others: Record<string, string> = {};
    for await (const { key, value } of store.readOthers()) others[key.toString()] = value.toString();
    const { groups, nextOffset, unreadable, messageCount, otherKeys } = store;
    return { messages, others, groups, nextOffset, unreadable, messageCount, otherKeys };
  } finally {
    await log.close();
  }
}

describe('a store of the Elixir GenRocks', () => {
  it('becomes messages, offsets and other keys, and stays as it was', async () => {
    const directory = join(GOLDEN, 'genrocks_data/orders/partition_0');
    const before = await snapshot(directory);
    const { messages, others, groups, nextOffset } = await read(directory);
    expect(messages).toHaveLength(20);
    expect(messages[7]).toMatchObject({ offset: 7, key: null, headers: {}, metadata: {}, isRaw: false });
    expect(messages[7]!.value?.toString()).toBe('{"order_id":"ORDER-7","amount":7.5}');
    expect(messages[7]!.timestamp).toBe(Date.parse('2025-01-01T00:00:00Z'));
    expect(groups).toEqual([{ group: 'billing', offset: 12 }]);
    expect(nextOffset).toBe(20);
    expect(Object.keys(others)).toEqual(['a', 'b', 'complex', 'key1']);
    expect(others['key1']).toBe('new_value');
    expect(await snapshot(directory)).toEqual(before);
  });

  it('keeps the newest entry of every key, gaps, numbers to the last digit, and meaningless values', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir }, async (store) => {
      const message = (value: string) =>
        `{"key":"k","value":${value},"headers":{"h":1},"timestamp":"never","metadata":{"m":2}}`;
      await store.put('msg:3', message('12345678901234567890.10'));
      await store.put('msg:1', message('"old"'));
      await store.put('msg:1', message('"new"'));
      await store.put('msg:2', message('2'));
      await store.delete('msg:2');
      await store.put('msg:5', 'no json');
      await store.put('msg:05', 'another key');
      await store.put('offset_counter', '9');
      await store.put('consumer_offset:a', '4');
      await store.put('consumer_offset:b', 'many');
      await store.put('gone', 'x');
      await store.delete('gone');
    });
    const { messages, others, groups, nextOffset, unreadable } = await read(partitionOf(logDir));
    expect(messages.map(({ offset, value }) => [offset, value!.toString()])).toEqual([
      [1, '"new"'],
      [3, '12345678901234567890.10'],
      [5, 'no json'],
    ]);
    expect(messages[0]).toMatchObject({ key: 'k', headers: { h: '1' }, metadata: { m: 2 }, isRaw: false });
    expect(messages[0]!.timestamp).toBeGreaterThan(1_700_000_000_000);
    expect(messages[2]!.isRaw).toBe(true);
    expect(others).toEqual({ 'msg:05': 'another key' });
    expect(groups).toEqual([{ group: 'a', offset: 4 }]);
    expect([nextOffset, unreadable]).toEqual([9, ['consumer_offset:b']]);
  });
});

describe('rawFields', () => {
  it('finds the members of any JSON object, as they are written', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.integer({ min: 0, max: 3 }),
        (object, spaces) => {
          const expected = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
          const fields = rawFields(JSON.stringify(object, null, spaces));
          expect(fields.size).toBe(Object.keys(expected).length);
          for (const [name, text] of fields) expect(JSON.parse(text)).toEqual(expected[name]);
        },
      ),
    );
  });
});
