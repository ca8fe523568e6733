import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BatchOperation,
  isGenRocksError,
  keyToString,
  type PartitionStore,
  type ScanOptions,
  type StorageAdapter,
  toKeyRange,
} from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What an application may do; an answer is text, an error is its code. */
type Step =
  | { readonly do: 'batch'; readonly operations: readonly BatchOperation[]; readonly together: boolean }
  | { readonly do: 'get'; readonly key: Buffer }
  | { readonly do: 'scan'; readonly options: ScanOptions }
  | { readonly do: 'truncate' | 'optimize' | 'reopen' };

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const key = fc.oneof(
  { weight: 30, arbitrary: bytes(2).map((b) => b.map((byte) => byte & 0x83) as Buffer) },
  { weight: 1, arbitrary: fc.constant(Buffer.alloc(2 * 1024 * 1024)) },
);
const operation: fc.Arbitrary<BatchOperation> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, value: bytes(12) }),
  fc.record({ type: fc.constant('delete' as const), key }),
);
const options: fc.Arbitrary<ScanOptions> = fc.record(
  {
    gt: key,
    gte: key,
    lt: key,
    lte: key,
    prefix: key,
    reverse: fc.boolean(),
    limit: fc.oneof({ weight: 9, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.constantFrom(-1, 0.5) }),
  },
  { requiredKeys: [] },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('batch' as const),
      operations: fc.array(operation, { maxLength: 8 }),
      together: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('scan' as const), options }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('truncate' as const, 'optimize' as const, 'reopen' as const),
    }),
  },
);

function codeOf(error: unknown): string {
  if (isGenRocksError(error)) return error.code;
  throw error;
}

async function answer(store: PartitionStore, given: Step): Promise<string> {
  switch (given.do) {
    case 'batch': {
      const { operations, together } = given;
      const writes = together ? [store.batch(operations)] : operations.map((each) => store.batch([each]));
      const outcomes = await Promise.allSettled(writes);
      return outcomes.map((each) => (each.status === 'fulfilled' ? 'ok' : codeOf(each.reason))).join(' ');
    }
    case 'get':
      return `${(await store.get(given.key))?.toString('hex')} ${await store.exists(given.key)}`;
    case 'scan': {
      const found: string[] = [];
      for await (const entry of store.scan(given.options)) {
        found.push(`${entry.key.toString('hex')}=${entry.value.toString('hex')}`);
      }
      return found.join(' ');
    }
    case 'truncate':
    case 'optimize':
      await store[given.do]();
      return 'ok';
    case 'reopen':
      return 'ok';
  }
}

/** The same, by a plain map. */
function expected(map: Map<string, string>, given: Step): string {
  const hex = (latin1: string) => Buffer.from(latin1, 'latin1').toString('hex');
  const tooLarge = (each: BatchOperation) => each.key.length > 1024 * 1024;
  const apply = (each: BatchOperation) => {
    if (each.type === 'put') map.set(keyToString(each.key), keyToString(each.value));
    else map.delete(keyToString(each.key));
  };
  switch (given.do) {
    case 'batch': {
      const groups = given.together ? [given.operations] : given.operations.map((each) => [each]);
      return groups
        .map((group) => {
          if (group.some(tooLarge)) return 'TOO_LARGE';
          group.forEach(apply);
          return 'ok';
        })
        .join(' ');
    }
    case 'get': {
      const value = map.get(keyToString(given.key));
      return `${value === undefined ? undefined : hex(value)} ${value !== undefined}`;
    }
    case 'scan': {
      const { lower, upper, reverse, limit } = toKeyRange(given.options);
      const keys = [...map.keys()]
        .filter((each) => each >= lower && (upper === undefined || each < upper))
        .sort();
      if (reverse) keys.reverse();
      return keys
        .slice(0, limit)
        .map((each) => `${hex(each)}=${hex(map.get(each)!)}`)
        .join(' ');
    }
    case 'truncate':
      map.clear();
      return 'ok';
    default:
      return 'ok';
  }
}

describe('an application that goes from one adapter to another', () => {
  let directory: string;
  let adapters: Record<string, StorageAdapter>;
  let runs = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-agree-'));
    adapters = {
      ets: new EtsStorageAdapter(),
      'disk log': new DiskLogStorageAdapter({ logDir: join(directory, 'wrap'), sync: 'os' }),
      'compact disk log': new DiskLogStorageAdapter({
        logDir: join(directory, 'compact'),
        logType: 'compact',
        sync: 'os',
      }),
      rocksdb: new RocksDbStorageAdapter({ path: join(directory, 'rocksdb'), sync: 'os' }),
    };
  });
  afterAll(async () => {
    for (const adapter of Object.values(adapters)) await adapter.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('gets the same answers and the same errors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const topic = `run-${runs++}`;
        for (const [name, adapter] of Object.entries(adapters)) {
          const map = new Map<string, string>();
          let store = await adapter.open(topic, 0);
          for (const [i, given] of steps.entries()) {
            if (given.do === 'reopen') {
              await store.close();
              store = await adapter.open(topic, 0);
            }
            const told = await answer(store, given).catch(codeOf);
            const right = await Promise.resolve()
              .then(() => expected(map, given))
              .catch(codeOf);
            expect(told, `${name}, step ${i}: ${given.do}`).toBe(right);
          }
          await store.close();
          await adapter.destroy(topic, 0);
        }
      }),
      { numRuns: 60 },
    );
  });
});
