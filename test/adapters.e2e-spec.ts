import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageAdapter } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import { getTopicToken, type Topic, TopicsService } from '@genrocks/topics';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppModule, BillingService, type Order, OrdersService } from '../examples/orders.module.js';

/** The same application on every adapter, swapped by dependency injection alone. */
describe.each([
  { name: 'ets', create: () => new EtsStorageAdapter() },
  { name: 'disk_log', create: (logDir: string) => new DiskLogStorageAdapter({ logDir }) },
  { name: 'rocksdb', create: (path: string) => new RocksDbStorageAdapter({ path }) },
])('an application with topics on $name', ({ name, create }) => {
  let logDir: string;
  let app: TestingModule;

  const start = async () => {
    app = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(StorageAdapter)
      .useValue(create(logDir))
      .compile();
    await app.init();
  };

  beforeEach(async () => {
    logDir = await mkdtemp(join(tmpdir(), 'genrocks-adapters-'));
    await start();
  });
  afterEach(async () => {
    await app.close();
    await rm(logDir, { recursive: true, force: true });
  });

  it('runs on the adapter that was put in, and on no other', async () => {
    expect(app.get<Topic>(getTopicToken('orders')).describe().adapter).toBe(name);
    expect((await readdir(logDir)).length > 0).toBe(name !== 'ets');
  });

  it('publishes, and hands every message to its group', async () => {
    const orders = app.get(OrdersService);
    await Promise.all(Array.from({ length: 100 }, () => orders.place({ customer: 'ada', amount: 1 })));
    await expect.poll(() => app.get(BillingService).totals.get('ada')).toBe(100);
  });

  it('keeps the order of a key: one partition, growing offsets', async () => {
    const orders = app.get(OrdersService);
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => orders.place({ customer: 'ada', amount: i })),
    );
    expect(new Set(results.map(({ partition }) => partition)).size).toBe(1);
    expect(results.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const topic = app.get<Topic<Order>>(getTopicToken('orders'));
    const { messages } = await topic.partition(results[0]!.partition).readMessages<Order>({ offset: 0 });
    expect(messages.map(({ value }) => value.amount)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('commits on shutdown what its group has handled', async () => {
    await app.get(OrdersService).place({ customer: 'ada', amount: 42 });
    await expect.poll(() => app.get(BillingService).totals.get('ada')).toBe(42);
    await app.close();
    await start();
    const { groups } = app.get(TopicsService);
    const { persistent } = app.get(StorageAdapter).supports;
    const place = await app.get(OrdersService).place({ customer: 'ada', amount: 1 });
    expect(place.offset).toBe(persistent ? 1 : 0);
    // The group goes on behind the order it has billed already.
    await expect.poll(() => app.get(BillingService).totals.get('ada')).toBe(1);
    await expect.poll(async () => (await groups.describe('billing')).lag).toBe(0);
  });
});
