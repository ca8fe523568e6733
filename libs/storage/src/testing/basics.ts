import assert from 'node:assert/strict';
import type { TestDefinition } from './harness.js';
import { getText, rejectsWith, scanTexts } from './helpers.js';

const NOT_BYTES: unknown[] = [undefined, null, 1, true, {}, [1, 2], new Date(0), new ArrayBuffer(2)];

export const basicTests: TestDefinition[] = [
  {
    name: 'get returns the stored value, and undefined for any other key',
    async run(context) {
      const store = await context.open();
      assert.equal(store.topic, 'conformance');
      assert.equal(store.partition, 0);
      assert.equal(await store.get('a'), undefined);
      await store.put('a', 'one');
      assert.ok(Buffer.isBuffer(await store.get('a')), 'get returns a Buffer');
      assert.equal(await getText(store, 'a'), 'one');
      assert.equal(await store.get('A'), undefined);
      assert.equal(await store.get('a '), undefined);
    },
  },
  {
    name: 'put replaces an older value, also with a shorter or an empty one',
    async run(context) {
      const store = await context.open();
      for (const value of ['first', 'the second is longer', '3', '', 'last']) {
        await store.put('key', value);
        assert.equal(await getText(store, 'key'), value);
      }
      assert.deepEqual(await scanTexts(store), ['key=last']);
    },
  },
  {
    name: 'delete removes a key, and resolves if there is none',
    async run(context) {
      const store = await context.open();
      await store.delete('nothing');
      await store.put('a', '1');
      await store.put('b', '2');
      await store.delete('a');
      await store.delete('a');
      assert.equal(await store.get('a'), undefined);
      assert.equal(await getText(store, 'b'), '2');
      await store.put('a', 'again');
      assert.equal(await getText(store, 'a'), 'again');
    },
  },
  {
    name: 'exists tells whether a key has a value',
    async run(context) {
      const store = await context.open();
      assert.equal(await store.exists('a'), false);
      await store.put('a', '');
      assert.equal(await store.exists('a'), true);
      await store.delete('a');
      assert.equal(await store.exists('a'), false);
    },
  },
  {
    name: 'an empty key and an empty value are legal',
    async run(context) {
      const store = await context.open();
      await store.put('', '');
      assert.equal(await store.exists(''), true);
      assert.equal((await store.get(''))?.length, 0);
      await store.put(new Uint8Array(0), 'value');
      assert.equal(await getText(store, ''), 'value');
      await store.put('other', new Uint8Array(0));
      assert.deepEqual(await scanTexts(store), ['=value', 'other=']);
      await store.delete('');
      assert.deepEqual(await scanTexts(store), ['other=']);
    },
  },
  {
    name: 'strings are stored as their UTF-8 bytes',
    async run(context) {
      const store = await context.open();
      for (const text of ['plain', 'Grüße', '日本', '🚀', '\u0000', 'e\u0301']) {
        await store.put(text, text);
        assert.deepEqual(await store.get(Buffer.from(text, 'utf8')), Buffer.from(text, 'utf8'));
        await store.put(Buffer.from(text, 'utf8'), `${text}!`);
        assert.equal(await getText(store, text), `${text}!`);
      }
      assert.equal(await store.get('\u00e9'), undefined, 'keys are not normalised');
    },
  },
  {
    name: 'of a view, only its own bytes are stored, not the memory behind it',
    async run(context) {
      const store = await context.open();
      const memory = Uint8Array.from([9, 1, 2, 3, 9]);
      const view = memory.subarray(1, 4);
      await store.put(view, view);
      assert.deepEqual(await store.get(Buffer.from([1, 2, 3])), Buffer.from([1, 2, 3]));
      await store.batch([{ type: 'put', key: new Uint8Array(memory.buffer, 3, 2), value: view }]);
      assert.deepEqual(await store.get(Buffer.from([3, 9])), Buffer.from([1, 2, 3]));
    },
  },
  {
    name: 'keys and values that are not bytes are refused with INVALID_ARGUMENT',
    async run(context) {
      const store = await context.open();
      for (const wrong of NOT_BYTES as never[]) {
        await rejectsWith('INVALID_ARGUMENT', () => store.put(wrong, 'value'));
        await rejectsWith('INVALID_ARGUMENT', () => store.put('key', wrong));
        await rejectsWith('INVALID_ARGUMENT', () => store.get(wrong));
        await rejectsWith('INVALID_ARGUMENT', () => store.exists(wrong));
        await rejectsWith('INVALID_ARGUMENT', () => store.delete(wrong));
      }
      assert.deepEqual(await scanTexts(store), []);
    },
  },
];
