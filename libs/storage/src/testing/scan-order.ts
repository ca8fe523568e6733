import assert from 'node:assert/strict';
import type { ScanOptions } from '../partition-store.js';
import type { TestDefinition } from './harness.js';
import { collect, fill, numberedKeys, patternBytes, Random, rejectsWith, scanKeys } from './helpers.js';

/** Keys that reveal signed, textual, length-first and zero-terminated comparison. In byte order. */
const HEX_KEYS = [
  ...['', '00', '0000', '00ff', '01', '0a', '61', '6100', '6161', '6162', '61ff', '61ffff', '62'],
  ...['7f', '80', 'c3', 'c3a9', 'fe', 'feff', 'ff', 'ff00', 'ff61', 'ffff', 'ffff00', 'ffffff'],
];

const bytes = (hex: string) => Buffer.from(hex, 'hex');

/** What a scan must return, computed the slow way. */
function expectedKeys(keys: readonly string[], options: ScanOptions): string[] {
  const hex = (bound: ScanOptions['gt']) => Buffer.from(bound as Uint8Array).toString('hex');
  const { gt, gte, lt, lte, prefix, reverse, limit } = options;
  let found = keys.filter(
    (key) =>
      (gt === undefined || key > hex(gt)) &&
      (gte === undefined || key >= hex(gte)) &&
      (lt === undefined || key < hex(lt)) &&
      (lte === undefined || key <= hex(lte)) &&
      (prefix === undefined || key.startsWith(hex(prefix))),
  );
  if (reverse) found = found.reverse();
  return limit === undefined ? found : found.slice(0, limit);
}

function randomScan(random: Random): ScanOptions {
  const bound = () => bytes(random.pick(HEX_KEYS));
  const options: ScanOptions = {};
  if (random.chance(30)) options.gt = bound();
  if (random.chance(30)) options.gte = bound();
  if (random.chance(30)) options.lt = bound();
  if (random.chance(30)) options.lte = bound();
  if (random.chance(30)) options.prefix = bound();
  if (random.chance(50)) options.reverse = true;
  if (random.chance(40)) options.limit = random.below(6);
  return options;
}

export const scanOrderTests: TestDefinition[] = [
  {
    name: 'scan of an empty store yields nothing',
    async run(context) {
      const store = await context.open();
      assert.deepEqual(await collect(store.scan()), []);
      assert.deepEqual(await collect(store.scan({ reverse: true, prefix: 'a', limit: 3 })), []);
    },
  },
  {
    name: 'scan goes in unsigned byte order, whatever the order of the writes, and backwards',
    async run(context) {
      const store = await context.open();
      for (const key of HEX_KEYS.toSorted((a, b) => b.length - a.length)) await store.put(bytes(key), key);
      assert.deepEqual(await scanKeys(store), HEX_KEYS);
      assert.deepEqual(await scanKeys(store, { reverse: true }), HEX_KEYS.toReversed());
      for (const entry of await collect(store.scan())) {
        assert.equal(entry.value.toString(), entry.key.toString('hex'), 'a value under a wrong key');
      }
    },
  },
  {
    name: 'one-byte keys are in byte order',
    async run(context) {
      const store = await context.open();
      const keys = Array.from({ length: 256 }, (_, i) => Buffer.from([i]));
      await Promise.all(keys.toReversed().map((key) => store.put(key, key)));
      const found = await collect(store.scan());
      assert.deepEqual(
        found.map((entry) => entry.key[0]),
        keys.map((key) => key[0]),
      );
      assert.ok(found.every((entry) => entry.key.equals(entry.value)));
    },
  },
  {
    name: 'prefix, gt, gte, lt and lte each work alone, also if empty or of 0xff bytes',
    async run(context) {
      const store = await context.open();
      for (const key of HEX_KEYS) await store.put(bytes(key), key);
      for (const key of [...HEX_KEYS, '60', '6163', 'ff01', 'ffffffff']) {
        for (const name of ['prefix', 'gt', 'gte', 'lt', 'lte'] as const) {
          for (const reverse of [false, true]) {
            const options: ScanOptions = { [name]: bytes(key), reverse };
            const message = `${name} ${key}${reverse ? ' reverse' : ''}`;
            assert.deepEqual(await scanKeys(store, options), expectedKeys(HEX_KEYS, options), message);
          }
        }
      }
    },
  },
  {
    name: 'all given conditions must hold',
    async run(context) {
      const store = await context.open();
      for (const key of HEX_KEYS) await store.put(bytes(key), key);
      const seed = context.harness.seed ?? 1;
      const random = new Random(seed);
      for (let round = 0; round < 300; round++) {
        const options = randomScan(random);
        const message = `seed ${seed}, round ${round}`;
        assert.deepEqual(await scanKeys(store, options), expectedKeys(HEX_KEYS, options), message);
      }
    },
  },
  {
    name: 'limit counts after all other conditions',
    async run(context) {
      const store = await context.open();
      await fill(store, [...numberedKeys(50), 'x1', 'x2', 'x3']);
      const keys = async (options: ScanOptions) =>
        (await collect(store.scan(options))).map((entry) => entry.key.toString());
      assert.deepEqual(await keys({ prefix: 'x', limit: 2 }), ['x1', 'x2']);
      assert.deepEqual(await keys({ prefix: 'x', limit: 2, reverse: true }), ['x3', 'x2']);
      assert.deepEqual(await keys({ gt: '00040', lt: 'x', limit: 1 }), ['00041']);
      assert.deepEqual(await keys({ prefix: 'x', limit: 99 }), ['x1', 'x2', 'x3']);
      assert.deepEqual(await keys({ limit: 0 }), []);
    },
  },
  {
    name: 'maxBytes ends a scan before its values exceed it, but not before the first entry',
    async run(context) {
      const store = await context.open();
      const sizes = new Map(numberedKeys(300).map((key, i) => [key, (i * 7919) % 5000]));
      for (const [key, size] of sizes) await store.put(key, patternBytes(size, size));
      for (const maxBytes of [0, 1, 4_000, 30_000, 200_000, Infinity]) {
        for (const reverse of [false, true]) {
          const found = await collect(store.scan({ gte: '00010', lt: '00290', reverse, maxBytes }));
          const message = `maxBytes ${maxBytes}, reverse ${reverse}`;
          const expected = numberedKeys(300).slice(10, 290);
          if (reverse) expected.reverse();
          // A store may count the bytes as stored. Half as much again and 200 bytes are more than any store needs.
          const within = (overhead: number) => {
            let bytes = 0;
            const sizeOf = (key: string) => sizes.get(key)! * (1 + overhead / 400) + overhead;
            const end = expected.findIndex((key) => (bytes += sizeOf(key)) > maxBytes);
            return end < 0 ? expected.length : Math.max(1, end);
          };
          const enough = found.length >= within(200) && found.length <= within(0);
          assert.ok(enough, `${message}: ${found.length} entries`);
          found.forEach(({ key, value }, i) => {
            assert.equal(key.toString(), expected[i], message);
            const size = sizes.get(expected[i]!)!;
            assert.ok(value.equals(patternBytes(size, size)), message);
          });
        }
      }
    },
  },
  {
    name: 'a scan reads into the given memory, or into memory of its own',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(200));
      const given: Buffer[] = [];
      const allocate = (bytes: number) => {
        const memory = Buffer.alloc(bytes);
        given.push(memory);
        return memory;
      };
      for (const options of [{}, { maxBytes: 500 }, { reverse: true }] satisfies ScanOptions[]) {
        const plain = await collect(store.scan(options));
        assert.deepEqual(await collect(store.scan({ ...options, allocate })), plain);
      }
      const kept = await collect(store.scan({ maxBytes: 500 }));
      const before = kept.map(({ value }) => value.toString());
      for (const memory of given) memory.fill(0xee);
      assert.deepEqual(
        kept.map(({ value }) => value.toString()),
        before,
      );
    },
  },
  {
    name: 'contradictory conditions yield nothing',
    async run(context) {
      const store = await context.open();
      await fill(store, ['a', 'b', 'c']);
      const impossible: ScanOptions[] = [
        { gt: 'b', lt: 'b' },
        { gt: 'b', lte: 'b' },
        { gte: 'c', lt: 'a' },
        { prefix: 'a', gte: 'b' },
      ];
      for (const options of impossible) {
        assert.deepEqual(await scanKeys(store, options), []);
        assert.deepEqual(await scanKeys(store, { ...options, reverse: true }), []);
      }
    },
  },
  {
    name: 'scan shows neither deleted keys nor older values',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(20));
      for (const key of numberedKeys(20)) {
        if (Number(key) % 2 === 0) await store.delete(key);
        else await store.put(key, `new ${key}`);
      }
      const found = await collect(store.scan());
      assert.equal(found.length, 10);
      assert.ok(found.every(({ key, value }) => value.toString() === `new ${key.toString()}`));
    },
  },
  {
    name: 'an invalid limit or bound is refused with INVALID_ARGUMENT',
    async run(context) {
      const store = await context.open();
      await store.put('a', '1');
      const wrong = [
        { limit: -1 },
        { limit: 1.5 },
        { limit: NaN },
        { limit: '1' },
        { maxBytes: -1 },
        { gt: 1 },
        { prefix: {} },
      ];
      for (const options of wrong as ScanOptions[]) {
        // The iteration fails, not the call that returns it.
        const scan = store.scan(options);
        await rejectsWith('INVALID_ARGUMENT', () => collect(scan));
        const pages = store.scanPages(options);
        await rejectsWith('INVALID_ARGUMENT', () => collect(pages));
      }
    },
  },
];
