import { StorageAdapter } from '@genrocks/storage';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AppModule, BillingService, OrdersService } from '../examples/orders.module.js';

let app: TestingModule;

beforeEach(async () => {
  app = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(StorageAdapter) // in memory for the test, whatever the application uses
    .useValue(new EtsStorageAdapter())
    .compile();
  await app.init();
});

afterEach(() => app.close());

it('bills what was ordered', async () => {
  const { offset } = await app.get(OrdersService).place({ customer: 'ada', amount: 42 });
  expect(offset).toBe(0);
  await expect.poll(() => app.get(BillingService).totals.get('ada')).toBe(42);
});
