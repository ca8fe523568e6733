import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { StorageAdapter } from '@genrocks/storage';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { describe, expect, it } from 'vitest';
import { MapAdapter } from '../__fixtures__/map-adapter.js';
import { Collector, coded, settled } from '../__fixtures__/waiting.js';
import type { Message } from '../message.js';
import { Topic } from '../topic.js';
import { TopicsService } from '../topics.service.js';
import { getTopicToken, InjectTopic } from '../topics.tokens.js';
import { TopicsModule } from './topics.module.js';

interface Order {
  id: number;
}

@Injectable()
class Orders {
  constructor(@InjectTopic('orders') readonly topic: Topic<Order>) {}

  place(id: number) {
    return this.topic.publish({ key: String(id), value: { id } });
  }
}

/** Publishes and subscribes in onModuleInit: storage must be open by then, and handlers must not run yet. */
@Injectable()
class Early implements OnModuleInit {
  readonly seen = new Collector<Message>();
  handledTooEarly = false;
  initialised = false;

  constructor(
    private readonly orders: Orders,
    private readonly topics: TopicsService,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.topics.startConsumerGroup({
      group: 'early',
      topics: ['orders'],
      handler: (message) => {
        if (!this.initialised) this.handledTooEarly = true;
        this.seen.push(message);
      },
    });
    await this.orders.place(1);
  }
}

@Module({
  imports: [TopicsModule.forFeature(['orders'])],
  providers: [Orders, Early],
  exports: [Early],
})
class OrdersModule {}

/** Initialized last, and slowly. */
@Injectable()
class Late implements OnModuleInit {
  constructor(private readonly early: Early) {}

  async onModuleInit(): Promise<void> {
    await settled();
    this.early.initialised = true;
  }
}

@Module({
  imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() }), OrdersModule],
  providers: [Late],
})
class AppModule {}

/** An adapter that records when it is closed. */
class WatchedAdapter extends MapAdapter {
  readonly log: string[] = [];
  override readonly name = 'watched';

  override async close(): Promise<void> {
    const open = [...this.opened.values()].some((store) => !store.closed);
    this.log.push(open ? 'closed over open stores' : 'closed');
    await super.close();
  }
}

describe('TopicsModule', () => {
  it('injects topics, opens storage before onModuleInit of its users, and starts consumers after bootstrap', async () => {
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    const early = app.get(Early);
    await early.seen.atLeast(1);
    expect(early.handledTooEarly).toBe(false);
    expect(app.get<Topic>(getTopicToken('orders'))).toBe(app.get(TopicsService).topic('orders'));
    await app.close();
    expect(app.get(Orders).topic.state).toBe('stopped');
  });

  it('lets a test swap the adapter', async () => {
    const adapter = new MapAdapter();
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .overrideProvider(StorageAdapter)
      .useValue(adapter)
      .compile();
    await module.init();
    await module.get(Orders).place(7);
    expect(module.get(TopicsService).topic('orders').describe().adapter).toBe('map');
    expect(adapter.writes).toBeGreaterThan(0);
    await module.close();
    expect(adapter.closed).toBe(true);
  });

  it.each([true, false])('drains, then closes topics, then storage (global: %s)', async (isGlobal) => {
    const adapter = new WatchedAdapter();
    @Module({ providers: [{ provide: StorageAdapter, useValue: adapter }], exports: [StorageAdapter] })
    class WatchedModule {}
    const module = await Test.createTestingModule({
      // Also import the storage module directly, and first: its place among the imports must not matter.
      imports: [WatchedModule, TopicsModule.forRoot({ storage: WatchedModule, isGlobal })],
    }).compile();
    await module.init();
    const service = module.get(TopicsService);
    const seen = new Collector<Message>();
    const group = await service.startConsumerGroup({
      group: 'g',
      topics: ['t'],
      handler: (m) => seen.push(m),
    });
    await service.publish('t', { value: 1 });
    await seen.atLeast(1);
    await module.close();
    expect(group.state).toBe('stopped');
    expect(adapter.log[0]).toBe('closed');
  });

  it('takes its options from a factory, and additional adapters by name', async () => {
    class OtherAdapter extends MapAdapter {
      override readonly name = 'disk_log';
    }
    @Module({
      providers: [OtherAdapter, { provide: StorageAdapter, useExisting: OtherAdapter }],
      exports: [OtherAdapter, StorageAdapter],
    })
    class OtherModule {}
    const module = await Test.createTestingModule({
      imports: [
        TopicsModule.forRootAsync({
          storage: EtsModule.forRoot(),
          adapters: [{ module: OtherModule, adapter: OtherAdapter }],
          useFactory: async () => ({
            autoCreateTopics: false,
            topics: [{ name: 'a' }, { name: 'b', partitions: 2, storage: { adapter: 'disk_log' } }],
          }),
        }),
        TopicsModule.forFeature([{ name: 'c', partitions: 3 }]),
      ],
    }).compile();
    await module.init();
    const service = module.get(TopicsService);
    expect(service.listTopics()).toMatchObject([
      { name: 'a', adapter: 'ets', partitionCount: 1 },
      { name: 'b', adapter: 'disk_log', partitionCount: 2 },
      { name: 'c', adapter: 'ets', partitionCount: 3 },
    ]);
    expect(module.get(EtsStorageAdapter, { strict: false })).toBeInstanceOf(EtsStorageAdapter);
    await expect(service.publish('d', { value: 1 })).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
    await module.close();
  });

  it.each(['reference', 'deep-hash'] as const)(
    'creates a topic as defined, whoever else only names it (modules told apart by %s)',
    async (moduleIdGeneratorAlgorithm) => {
      const named = TopicsModule.forFeature(['orders']);
      const defined = TopicsModule.forFeature([{ name: 'orders', partitions: 3 }]);
      for (const features of [
        [named, defined],
        [defined, named],
      ]) {
        const module = await Test.createTestingModule(
          { imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() }), ...features] },
          { moduleIdGeneratorAlgorithm },
        ).compile();
        await module.init();
        expect(module.get(TopicsService).topic('orders').describe().partitionCount).toBe(3);
        await module.close();
      }
    },
  );

  it('starts the topics of a module loaded later', async () => {
    @Module({ imports: [TopicsModule.forFeature([{ name: 'late', partitions: 2 }])] })
    class LateModule {
      constructor(@InjectTopic('late') readonly late: Topic) {}
    }
    const module = await Test.createTestingModule({
      imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot() })],
    }).compile();
    await module.init();
    const loaded = await module.get(LazyModuleLoader).load(() => LateModule);
    const { late } = loaded.get(LateModule);
    await late.publish({ value: 1 });
    expect(late.describe()).toMatchObject({ state: 'running', partitionCount: 2 });
    await module.close();
  });

  it('refuses to start on mistakes, and names them', async () => {
    expect(() => TopicsModule.forRoot({} as never)).toThrowError(/topics\.storage: missing/);
    const unknown = Test.createTestingModule({
      imports: [TopicsModule.forRoot({ storage: EtsModule.forRoot(), maxTopic: 1 } as never)],
    });
    await expect(unknown.compile()).rejects.toThrowError(/topics\.maxTopic: unknown option/);
    const missing = await Test.createTestingModule({
      imports: [
        TopicsModule.forRoot({ storage: EtsModule.forRoot(), autoCreateTopics: false }),
        TopicsModule.forFeature(['absent']),
      ],
    }).compile();
    await expect(missing.init()).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
  });

  it.each<[string, () => object[], RegExp]>([
    [
      'forRoot twice',
      () => [
        TopicsModule.forRoot({ storage: EtsModule.forRoot() }),
        TopicsModule.forRoot({ storage: EtsModule.forRoot() }),
      ],
      /imports TopicsModule\.forRoot\(\) twice/,
    ],
    [
      'forFeature alone',
      () => [TopicsModule.forFeature(['orders'])],
      /no module .* imports TopicsModule.forRoot/,
    ],
    [
      'an adapter in place of its module',
      () => [TopicsModule.forRoot({ storage: new EtsStorageAdapter() as never })],
      /this is an adapter; pass the module/,
    ],
  ])('says what to do about %s', async (_mistake, imports, message) => {
    const compiling = async () => {
      await Test.createTestingModule({ imports: imports() as never[] }).compile();
    };
    await expect(compiling()).rejects.toThrowError(message);
  });
});

describe('what JavaScript callers may pass', () => {
  it.each([
    ['no options', () => TopicsModule.forRoot(undefined as never), /storage: missing/],
    [
      'options of the storage',
      () => TopicsModule.forRoot({ storage: { logDir: '.' } as never }),
      /storage: not a module/,
    ],
    ['a path', () => TopicsModule.forRoot({ storage: './data' as never }), /storage: not a module/],
    ['one topic', () => TopicsModule.forFeature('orders' as never), /forFeature\(\['orders'\]\)/],
  ])('is refused with what to write instead: %s', (_, call, message) => {
    expect(call).toThrowError(coded('INVALID_CONFIG'));
    expect(call).toThrowError(message);
  });
});
