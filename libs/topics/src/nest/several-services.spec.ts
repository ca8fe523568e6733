import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { EtsModule } from '@genrocks/storage-ets';
import { afterEach, expect, it } from 'vitest';
import { Collector } from '../__fixtures__/waiting.js';
import { TopicsModule } from '../module/topics.module.js';
import { TopicsService } from '../topics.service.js';
import { MessageValue } from './message-params.decorator.js';
import { Subscribe } from './subscribe.decorator.js';
import { SubscriptionExplorer } from './subscription.explorer.js';

const seen = new Collector<string>();
let app: TestingModule | undefined;

afterEach(async () => {
  seen.items.splice(0);
  await app?.close();
  app = undefined;
});

/** A provider that handles `orders` and records its own name. */
function handlerNamed(name: string): Type<{ topics: TopicsService }> {
  @Injectable()
  class Handler {
    constructor(readonly topics: TopicsService) {}

    @Subscribe('orders', { group: 'all' })
    handle(@MessageValue() value: number): void {
      seen.push(`${name} ${value}`);
    }
  }
  return Handler;
}

const ownTopics = (): DynamicModule =>
  TopicsModule.forRoot({ isGlobal: false, storage: EtsModule.forRoot({ maxBytes: 1_000_000 }) });

async function start(imports: (Type | DynamicModule)[]): Promise<TestingModule> {
  app = await Test.createTestingModule({ imports }).compile();
  return app.init();
}

it('of one application each have the handlers of the modules that import them, and no others', async () => {
  const [Shop, Audit] = [handlerNamed('shop'), handlerNamed('audit')];
  @Module({ imports: [ownTopics()], providers: [Shop] })
  class ShopModule {}
  // Re-exports its topics to its importers.
  @Module({
    imports: [TopicsModule.forRoot({ isGlobal: false, storage: EtsModule.forRoot() })],
    exports: [TopicsModule],
  })
  class AuditTopicsModule {}
  @Module({ imports: [AuditTopicsModule], providers: [Audit] })
  class AuditModule {}

  const started = await start([ShopModule, AuditModule]);
  const shop = started.get(Shop, { strict: false });
  const audit = started.get(Audit, { strict: false });
  await shop.topics.publish('orders', { value: 1 });
  await audit.topics.publish('orders', { value: 2 });
  await seen.atLeast(2);
  for (const { topics } of [shop, audit]) {
    // If both services had found both handlers, each would have two.
    expect((await topics.groups.describe('all')).members).toHaveLength(1);
  }
  expect([...seen.items].sort()).toEqual(['audit 2', 'shop 1']);
});

it('are not guessed for a handler whose module imports none of them', async () => {
  @Injectable()
  class Lost {
    @Subscribe('orders', { group: 'lost' })
    handle(): void {}
  }
  @Module({ imports: [ownTopics()], providers: [handlerNamed('a')] })
  class A {}
  @Module({ imports: [ownTopics()], providers: [handlerNamed('b')] })
  class B {}
  @Module({ providers: [Lost] })
  class LostModule {}
  await expect(start([A, B, LostModule])).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
});

it('bind the handlers of a module loaded later on request', async () => {
  const Late = handlerNamed('late');
  @Module({ providers: [Late] })
  class LateModule {}
  const started = await start([TopicsModule.forRoot({ storage: EtsModule.forRoot() })]);
  await started.get(LazyModuleLoader).load(() => LateModule);
  const groups = await started.get(SubscriptionExplorer).register();
  expect(groups).toHaveLength(1);
  expect(await started.get(SubscriptionExplorer).register()).toEqual([]);
  await started.get(TopicsService).publish('orders', { value: 3 });
  await seen.atLeast(1);
  expect(seen.items).toEqual(['late 3']);
});
