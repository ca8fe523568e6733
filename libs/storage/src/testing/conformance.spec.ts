import { describe, expect, it } from 'vitest';
import { ArrayAdapter } from '../__fixtures__/array-adapter.js';
import type { BytesLike, PartitionStore, StorageAdapter } from '../index.js';
import { conformanceTests, type ConformanceTest } from './index.js';

const { supports } = new ArrayAdapter();

function testsOf(create: () => StorageAdapter): ConformanceTest[] {
  return conformanceTests({
    supports,
    create: async () => create(),
    reopen: async (closed) => new ArrayAdapter((closed as ArrayAdapter).tables),
  });
}

describe('the storage contract, by an adapter of a third party', () => {
  for (const { name, run, skip } of testsOf(() => new ArrayAdapter())) {
    it.skipIf(skip)(skip ? `${name} (${skip})` : name, run);
  }
});

/** Runs the test of this name; returns its failure, or undefined. */
async function failureOf(name: string, create: () => StorageAdapter): Promise<unknown> {
  const test = testsOf(create).find((each) => each.name === name);
  expect(test, name).toBeDefined();
  return test!.run().catch((error: unknown) => error);
}

/** An adapter whose stores have one fault. */
function spoilt(spoil: (store: PartitionStore) => void): () => StorageAdapter {
  return () => {
    const adapter = new ArrayAdapter();
    const open = adapter.open.bind(adapter);
    adapter.open = async (...args) => {
      const store = await open(...args);
      spoil(store);
      return store;
    };
    return adapter;
  };
}

describe('conformanceTests', () => {
  it('finds a store that keeps the buffer it was given', async () => {
    const create = spoilt((store) => {
      const put = store.put.bind(store);
      store.put = async (key: BytesLike, value: BytesLike) => {
        await Promise.resolve();
        return put(key, value);
      };
    });
    expect(
      await failureOf(
        'isolation: buffers can be reused as soon as put, delete or batch has been called',
        create,
      ),
    ).toBeInstanceOf(Error);
  });

  it('finds a batch that is applied in part', async () => {
    const create = spoilt((store) => {
      const batch = store.batch.bind(store);
      store.batch = async (operations) => {
        for (const operation of operations) await batch([operation]);
      };
    });
    expect(
      await failureOf('batch: a batch with an invalid operation applies nothing', create),
    ).toBeInstanceOf(Error);
  });

  it('finds a scan that counts its limit before the prefix', async () => {
    const create = spoilt((store) => {
      const scanPages = store.scanPages.bind(store);
      store.scanPages = async function* ({ prefix, limit, ...options } = {}) {
        for await (const page of scanPages({ ...options, limit })) {
          const start = Buffer.from(prefix ?? '');
          const matching = page.filter(({ key }) => key.subarray(0, start.length).equals(start));
          if (matching.length > 0) yield matching;
        }
      };
    });
    expect(await failureOf('scan order: limit counts after all other conditions', create)).toBeInstanceOf(
      Error,
    );
  });

  it('finds a store that forgets to close', async () => {
    const create = spoilt((store) => {
      store.close = async () => {};
    });
    expect(
      await failureOf(
        'closing: after close, every method fails with STORE_CLOSED, and close may be called again',
        create,
      ),
    ).toBeInstanceOf(Error);
  });

  it('names a reason for every skipped test, and skips none that applies', () => {
    const skipped = (claims: Partial<typeof supports>) =>
      conformanceTests({
        supports: { ...supports, ...claims },
        create: async () => new ArrayAdapter(),
        reopen: async () => new ArrayAdapter(),
      })
        .filter(({ skip }) => skip !== undefined)
        .map(({ skip }) => skip);
    expect(skipped({})).toEqual(["supports.log is 'history': the log has every write"]);
    const least = skipped({ persistent: false as never, log: 'latest' as never });
    expect(least.length).toBeGreaterThan(5);
    expect(least.every((reason) => reason!.startsWith('supports.'))).toBe(true);
  });

  it('asks for reopen if persistence is claimed', () => {
    expect(() => conformanceTests({ supports, create: async () => new ArrayAdapter() })).toThrow(TypeError);
  });
});
