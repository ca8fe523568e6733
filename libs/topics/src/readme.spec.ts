import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { twoAdapters } from './__fixtures__/readme/adapters.js';
import { AppModule, Billing, Orders } from './__fixtures__/readme/embed.js';
import { OrdersController, Shop, ShopModule } from './__fixtures__/readme/microservices.js';
import { startHandlers } from './__fixtures__/readme/microservices-main.js';
import { highest, stored, windows } from './__fixtures__/readme/observe.js';
import { payOnce } from './__fixtures__/readme/once.js';
import { OperationController, OperationModule } from './__fixtures__/readme/operate.js';
import { readEverything } from './__fixtures__/readme/read.js';
import { testApp } from './__fixtures__/readme/swap.js';
import { invoicesAreWritten } from './__fixtures__/readme/testing.js';
import { Cashier, PaymentsModule } from './__fixtures__/readme/typed.js';
import { TopicsModule } from './module/topics.module.js';
import { TopicsMetrics } from './metrics/index.js';
import { TopicsTester, TopicsTestingModule } from './testing/index.js';
import { TopicsService } from './topics.service.js';

const here = import.meta.dirname;

describe('the README', () => {
  it('shows exactly the examples that run below', async () => {
    const readme = await readFile(join(here, '../README.md'), 'utf8');
    const shown = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code);
    const fixtures = (await readdir(join(here, '__fixtures__/readme'))).filter((name) =>
      name.endsWith('.ts'),
    );
    const files = fixtures.map((name) => readFile(join(here, '__fixtures__/readme', name), 'utf8'));
    expect([...shown].sort()).toEqual((await Promise.all(files)).sort());
  });

  it('publishes and consumes in an application', async () => {
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    expect(await app.get(Orders).place({ id: 1, total: 30 })).toBe(0);
    await expect.poll(() => app.get(Billing).billed).toEqual([30]);
    await app.close();
  });

  it('subscribes with a decorator, and is tested with the test kit', async () => {
    expect(await invoicesAreWritten()).toEqual([1, { id: 2, total: -1 }, 'BadRequestException']);
  });

  it('is a microservice transport', async () => {
    const module = await Test.createTestingModule({
      imports: [TopicsTestingModule.forRoot(), ShopModule],
    }).compile();
    const app = module.createNestApplication(new FastifyAdapter());
    await startHandlers(app);
    await app.init();
    const order = { id: 7, customer: 'ada' };
    await app.get(Shop).place(order);
    expect(await lastValueFrom(app.get(Shop).price(order))).toEqual({ id: 7, cents: 700 });
    await TopicsTester.of(app).drain();
    expect(app.get(OrdersController).billed).toEqual([7]);
    await app.close();
  });

  it('reads without a group', async () => {
    const app = await testApp();
    const topics = app.get(TopicsService);
    await topics.publish('orders', { value: 'first', partition: 0 });
    const abort = new AbortController();
    const reading = readEverything(topics, abort.signal);
    await topics.publish('orders', { value: 'second', partition: 0 });
    const group = await topics.startConsumerGroup({
      group: 'watch',
      topics: ['orders'],
      handler: (message) => {
        if (message.valueBytes!.toString() === '"second"') setImmediate(() => abort.abort());
      },
    });
    expect(await reading).toEqual(['first', 'second']);
    await group.stop();
    await app.close();
  });

  it('publishes what fits', async () => {
    const storage = EtsModule.forRoot();
    const imports = [TopicsModule.forRoot({ storage }), PaymentsModule];
    const app = await (await Test.createTestingModule({ imports }).compile()).init();
    expect(await app.get(Cashier).pay(1, 20)).toMatchObject({ topic: 'payments', offset: 0 });
    await expect(app.get(Cashier).pay(2, 0)).rejects.toThrow('amount must be a positive number');
    await app.close();
  });

  it('publishes once', async () => {
    const app = await testApp();
    expect(await payOnce(app.get(TopicsService))).toEqual([false, true, true]);
    await app.close();
  });

  it('observes', async () => {
    const app = await testApp();
    const readings = await app.get(TopicsService).startTopic<{ sensor: string; celsius: number }>('readings');
    const window = firstValueFrom(windows(readings));
    await new Promise(setImmediate);
    for (const celsius of [3, 5, 4]) await readings.publish({ value: { sensor: 'a', celsius } });
    const highs = highest(readings, 0).pipe(take(3), toArray());
    expect(await lastValueFrom(highs)).toEqual([3, 5, 5].map((max) => ['a', max]));
    const saved = stored(readings, async ({ celsius }) => `${celsius}`).pipe(take(3), toArray());
    expect(await lastValueFrom(saved)).toEqual(['3', '5', '4']);
    expect(await window).toContainEqual({ sensor: 'a', celsius: 3 });
    await app.close();
  });

  it('is operated', async () => {
    const module = await Test.createTestingModule({
      imports: [TopicsTestingModule.forRoot(), OperationModule],
    }).compile();
    const app = await module.init();
    const operation = app.get(OperationController);
    await app.get(TopicsService).publish('orders', { value: 1 });
    expect(await operation.check()).toMatchObject({ status: 'ok' });
    expect(await operation.scrape()).toContain('genrocks_messages_published_total{topic="orders"} 1');
    const readme = await readFile(join(here, '../README.md'), 'utf8');
    for (const { name } of await app.get(TopicsMetrics).registry.getMetricsAsJSON()) {
      expect(readme).toContain(`\`${name.replace('genrocks_', '')}\``);
    }
    await app.close();
  });

  it('keeps topics on two adapters', async () => {
    const logDir = await mkdtemp(join(tmpdir(), 'genrocks-topics-'));
    const start = async () =>
      (await Test.createTestingModule({ imports: [twoAdapters(logDir)] }).compile()).init();
    try {
      const first = await start();
      const topics = first.get(TopicsService);
      expect(topics.listTopics().map(({ name, adapter }) => [name, adapter])).toEqual([
        ['metrics', 'ets'],
        ['orders', 'disk_log'],
      ]);
      for (const topic of ['orders', 'metrics']) await topics.publish(topic, { key: 'k', value: 1 });
      await first.close();
      const second = await start();
      const ends = (topic: string) =>
        second
          .get(TopicsService)
          .topic(topic)
          .partitions.reduce((sum, { endOffset }) => sum + endOffset, 0);
      expect([ends('orders'), ends('metrics')]).toEqual([1, 0]);
      await second.close();
    } finally {
      await rm(logDir, { recursive: true, force: true });
    }
  });
});
