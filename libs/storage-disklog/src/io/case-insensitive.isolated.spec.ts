import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** Below this directory names are found whatever their case, as on macOS and Windows. */
let folding: string | undefined;

/** Every call of a file module, with paths as such a file system finds them. */
const fold = vi.hoisted(() => ({ path: (path: unknown): unknown => path }));
function folded<T extends object>(module: T): T {
  const calls = Object.entries(module).map(([name, value]: [string, unknown]): [string, unknown] => {
    if (typeof value !== 'function' || /^[A-Z]/.test(name)) return [name, value];
    const call = (...args: unknown[]) => (value as (...args: unknown[]) => unknown)(...args.map(fold.path));
    return [name, Object.assign(call, value)];
  });
  return Object.fromEntries(calls) as T;
}
vi.mock('node:fs/promises', async (original) => ({
  ...folded(await original<object>()),
  // Synchronous, so that finding and making are one step, as in the file system itself.
  mkdir: async (path: unknown) => mkdirSync(fold.path(path) as string),
}));
vi.mock('node:fs', async (original) => {
  const module = await original<{ promises: object }>();
  return { ...folded(module), promises: folded(module.promises) };
});

const { mkdirSync, readdirSync: realReaddir } = await vi.importActual<typeof import('node:fs')>('node:fs');
fold.path = (path) => {
  if (typeof path !== 'string' || folding === undefined || !path.startsWith(folding + sep)) return path;
  let found = folding;
  for (const name of path.slice(folding.length + 1).split(sep)) {
    let names: string[] = [];
    try {
      names = realReaddir(found);
    } catch {
      // Missing, and so is everything below it.
    }
    found = join(found, names.find((other) => other.toLowerCase() === name.toLowerCase()) ?? name);
  }
  return found;
};

const { DiskLogStorageAdapter } = await import('../index.js');
const { assertUsableNames } = await import('./spelling.js');
let logDir: string;
let adapter: InstanceType<typeof DiskLogStorageAdapter>;
beforeEach(() => {
  logDir = folding = mkdtempSync(join(tmpdir(), 'genrocks-case-'));
  adapter = new DiskLogStorageAdapter({ logDir });
});
afterEach(async () => {
  await adapter.close();
  folding = undefined;
  rmSync(logDir, { recursive: true, force: true });
});

const REFUSED = {
  code: 'INVALID_TOPIC_NAME',
  retriable: false,
  message: expect.stringContaining('does not distinguish upper and lower case') as string,
};

describe('topics whose names differ only in case, on a case-insensitive file system', () => {
  it('never share a directory: the second one is refused, and nothing is made for it', async () => {
    await (await adapter.open('Shop', 0)).put('who', 'Shop');
    for (const [topic, partition] of [
      ['shop', 0],
      ['SHOP', 5],
      ['shop/orders', 0],
    ] as const) {
      await expect(adapter.open(topic, partition)).rejects.toMatchObject(REFUSED);
    }
    expect(readdirSync(join(logDir, 'Shop'))).toEqual(['partition_0']);
    await adapter.open('Shop/orders', 0);
    await expect(adapter.open('Shop/Orders', 0)).rejects.toMatchObject({
      message: expect.stringContaining('that of "Shop/orders"') as string,
    });
  });

  it('survive each other’s destruction', async () => {
    const store = await adapter.open('Orders', 0);
    await store.put('who', 'Orders');
    await store.close();
    await adapter.destroy('orders', 0);
    expect((await (await adapter.open('Orders', 0)).get('who'))?.toString()).toBe('Orders');
  });

  it('opened at the same time: one is refused', async () => {
    const outcomes = await Promise.allSettled([adapter.open('Orders', 0), adapter.open('orders', 0)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: REFUSED });
  });

  it('are separate if the file system is case-sensitive', async () => {
    folding = undefined;
    for (const topic of ['Orders', 'orders']) await (await adapter.open(topic, 0)).put('who', topic);
    expect(readdirSync(logDir).sort()).toEqual(['Orders', 'orders']);
  });
});

describe('names that are reserved on Windows', () => {
  it.each(['con', 'shop/NUL', 'aux.log', 'COM1', 'lpt9.a', 'orders.', 'a./b', '...'])(
    'refuses %s',
    (topic) => {
      expect(() => assertUsableNames(topic, 'win32')).toThrow(
        expect.objectContaining({ code: 'INVALID_TOPIC_NAME' }),
      );
      expect(() => assertUsableNames(topic, 'linux')).not.toThrow();
    },
  );

  it.each(['console', 'orders.v1', 'com', 'com10', '.hidden', 'shop/null'])('takes %s', (topic) => {
    expect(() => assertUsableNames(topic, 'win32')).not.toThrow();
  });
});
