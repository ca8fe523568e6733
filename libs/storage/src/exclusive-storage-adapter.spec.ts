import { describe, expect, it } from 'vitest';
import { ArrayStore } from './__fixtures__/array-adapter.js';
import { ExclusiveStorageAdapter, type PartitionStore, type StoreId } from './index.js';

/** Fails to open on request; its stores fail to close. */
class FailingAdapter extends ExclusiveStorageAdapter {
  readonly name = 'failing';
  readonly supports = {} as never;
  failure: Error | undefined;
  onClose = () => {};
  released = 0;
  readonly closed: string[] = [];

  protected async openStore(id: StoreId, _options: object, onClose: () => void): Promise<PartitionStore> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.onClose = onClose;
    const store = new ArrayStore({ id, entries: [], log: [] }, () => {});
    store.close = async () => {
      this.closed.push(id.topic);
      onClose();
      if (id.topic === 'stuck') throw new Error('cannot close');
    };
    return store;
  }

  protected async listStores(): Promise<StoreId[]> {
    return [];
  }

  protected async destroyStore(): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
  }

  protected override async release(): Promise<void> {
    this.released++;
  }

  validateSettings(): void {}
}

describe('an exclusive adapter', () => {
  it('lets a store be opened or destroyed again after a failure', async () => {
    const adapter = new FailingAdapter();
    adapter.failure = new Error('not now');
    await expect(adapter.open('a', 0)).rejects.toThrow('not now');
    await expect(adapter.destroy('a', 0)).rejects.toThrow('not now');
    adapter.failure = undefined;
    await adapter.destroy('a', 0);
    await adapter.open('a', 0);
  });

  it('lets a store have one holder at a time, whatever each of them does', async () => {
    const adapter = new FailingAdapter();
    const locked = { status: 'rejected', reason: { code: 'LOCKED', details: { pid: process.pid } } };
    const whileDestroyed = [adapter.destroy('a', 0), adapter.open('a', 0), adapter.destroy('a', 0)];
    expect(await Promise.allSettled(whileDestroyed)).toMatchObject([{ status: 'fulfilled' }, locked, locked]);
    const whileOpened = [adapter.open('a', 0), adapter.open('a', 0), adapter.destroy('a', 0)];
    expect(await Promise.allSettled(whileOpened)).toMatchObject([{ status: 'fulfilled' }, locked, locked]);
  });

  it('keeps a store locked when the previous one is closed a second time', async () => {
    const adapter = new FailingAdapter();
    await adapter.open('a', 0);
    const closedBefore = adapter.onClose;
    closedBefore();
    await adapter.open('a', 0);
    closedBefore();
    await expect(adapter.open('a', 0)).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it("refuses an unknown 'retain': a misspelt 'all' would drop what it should keep", async () => {
    const adapter = new FailingAdapter();
    for (const retain of ['All', '', null, true] as never[]) {
      await expect(adapter.open('a', 0, { retain })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await adapter.open('a', 0, { retain: 'all' });
    await adapter.open('b', 0, { retain: 'policy' });
  });

  it('closes every store and itself even if one of them fails, and reports the failure', async () => {
    const adapter = new FailingAdapter();
    await adapter.open('stuck', 0);
    await adapter.open('b', 0);
    const late = adapter.open('late', 0);
    await expect(adapter.close()).rejects.toThrow('cannot close');
    await late;
    expect(adapter.closed).toEqual(['stuck', 'b', 'late']);
    expect(adapter.released).toBe(1);
    await expect(adapter.open('b', 0)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});
