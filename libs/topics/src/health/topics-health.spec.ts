import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { NoSpaceError } from '@genrocks/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { coded, deferred, settled } from '../__fixtures__/waiting.js';
import { META_TOPIC } from '../meta/meta-store.js';
import { MemoryAdapter, TopicsTester, TopicsTestingModule } from '../testing/index.js';
import { TopicsHealthIndicator, TopicsHealthModule } from './index.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly topics: TopicsHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([
      () => this.topics.storage('storage', { timeoutMs: 100 }),
      () => this.topics.consumers('consumers'),
      () => this.topics.lag('lag', { max: 2, degraded: true }),
    ]);
  }
}

let app: NestFastifyApplication;
let adapter: MemoryAdapter;
afterEach(async () => {
  adapter.onWrite = () => {};
  await app.close();
});

async function start(): Promise<TopicsTester & { health: TopicsHealthIndicator }> {
  adapter = new MemoryAdapter();
  @Module({
    imports: [
      TopicsTestingModule.forRoot({ adapter, drainTimeoutMs: 0 }),
      TerminusModule,
      TopicsHealthModule,
    ],
    controllers: [HealthController],
  })
  class AppModule {}
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  module.useLogger(false);
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await app.init();
  return Object.assign(TopicsTester.of(app), { health: app.get(TopicsHealthIndicator) });
}

async function get(): Promise<{ status: number; body: { status: string; details: object } }> {
  const response = await app.inject({ method: 'GET', url: '/health' });
  return { status: response.statusCode, body: response.json() };
}

describe('storage', () => {
  it('is up while the adapter takes writes, and all its probes leave one entry', async () => {
    const { health } = await start();
    const keys = () => adapter.disk.get(`${META_TOPIC}:0`)!.size;
    expect(await health.storage('storage')).toMatchObject({ storage: { status: 'up' } });
    const before = keys();
    const { writes } = adapter;
    for (let i = 0; i < 50; i++) await health.storage('storage');
    expect(adapter.writes - writes).toBe(50);
    expect(keys()).toBe(before);
  });

  it('is down when writes fail or hang, with the reason, and up again after that', async () => {
    const { health } = await start();
    adapter.onWrite = () => {
      throw new NoSpaceError('the test');
    };
    expect(await health.storage('storage')).toMatchObject({
      storage: { status: 'down', message: expect.stringContaining('the test') as string },
    });
    const gate = deferred();
    adapter.onWrite = () => gate.promise;
    const hanging = await Promise.all([1, 2, 3].map(() => health.storage('storage', { timeoutMs: 10 })));
    expect(hanging.map(({ storage }) => storage.status)).toEqual(['down', 'down', 'down']);
    adapter.onWrite = () => {};
    gate.resolve();
    expect(await health.storage('storage')).toMatchObject({ storage: { status: 'up' } });
  });

  it('is down with a partition that cannot be opened', async () => {
    const kit = await start();
    await kit.topics.startTopic('orders', { partitions: 2 });
    kit.topics.topic('orders').partition(1).fail(new Error('broken'));
    expect(await kit.health.storage('s')).toMatchObject({
      s: { status: 'down', message: 'not available: orders/1: broken' },
    });
  });
});

describe('consumers', () => {
  it('are stuck if they make no progress on existing messages for a time', async () => {
    const kit = await start();
    const { topics, health, clock } = kit;
    const gate = deferred();
    const group = await topics.startConsumerGroup({
      group: 'billing',
      topics: ['orders'],
      handler: ({ value }) => (value === 'slow' ? gate.promise : undefined),
    });
    const look = () => health.consumers('consumers', { stuckMs: 60_000 });
    expect(await look()).toEqual({ consumers: { status: 'up', members: 1 } });
    await topics.publish('orders', { value: 'slow' });
    await topics.publish('orders', { value: 'fast' });
    await settled();
    await clock!.advance(120_000);
    expect((await look()).consumers.status).toBe('up');
    await clock!.advance(59_999);
    expect((await look()).consumers.status).toBe('up');
    await clock!.advance(1);
    expect(await look()).toEqual({
      consumers: { status: 'down', stuck: 1, message: 'stuck: billing at orders/0, 2 behind, for 60 s' },
    });
    group.pause('orders');
    expect((await look()).consumers.status).toBe('up');
    group.resume('orders');
    gate.resolve();
    await kit.drain();
    expect((await look()).consumers.status).toBe('up');
  });

  it('that retry are up; required groups that do not run are down', async () => {
    const { topics, health, clock } = await start();
    await topics.startConsumerGroup({
      group: 'failing',
      topics: ['orders'],
      retry: { attempts: Infinity, initialMs: 30_000, maxMs: 30_000, jitter: 0 },
      handler: () => {
        throw new Error('no');
      },
    });
    await topics.publish('orders', { value: 1 });
    for (let i = 0; i < 6; i++) {
      await clock!.untilSleeping();
      expect((await health.consumers('c', { stuckMs: 60_000 })).c.status).toBe('up');
      await clock!.advance(30_000);
    }
    expect(await health.consumers('c', { groups: ['failing', 'other'] })).toEqual({
      c: { status: 'down', message: 'no member runs in this process for: other' },
    });
  });
});

describe('lag', () => {
  it('is compared with one limit, or with one per group', async () => {
    const kit = await start();
    const { topics, health } = kit;
    await topics.startTopic('orders');
    await topics.groups.commitOffsets('offline', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await topics.publishBatch('orders', [{ value: 1 }, { value: 2 }, { value: 3 }]);
    expect(await health.lag('lag', { max: 0 })).toEqual({ lag: { status: 'up', highest: 0 } });
    expect(await health.lag('lag', { max: { offline: 3, unknown: 0 } })).toMatchObject({
      lag: { status: 'up' },
    });
    expect(await health.lag('lag', { max: { offline: 2 } })).toEqual({
      lag: { status: 'down', highest: 3, message: 'behind: offline by 3 (limit 2)' },
    });
    expect((await health.lag('lag', { max: { offline: 2 }, degraded: true })).lag.status).toBe('degraded');
    await expect(health.lag('lag', { max: -1 })).rejects.toThrowError(coded('INVALID_CONFIG'));
  });
});

describe('over HTTP', () => {
  it('responds as Terminus does', async () => {
    const kit = await start();
    const gate = deferred();
    await kit.topics.startConsumerGroup({ group: 'g', topics: ['t'], handler: () => gate.promise });
    expect(await get()).toMatchObject({ status: 200, body: { status: 'ok' } });
    await kit.topics.publishBatch('t', [{ value: 1 }, { value: 2 }, { value: 3 }]);
    expect(await get()).toMatchObject({
      status: 200,
      body: { status: 'degraded', details: { lag: { status: 'degraded', highest: 3 } } },
    });
    gate.resolve();
    await kit.drain();
    adapter.onWrite = () => {
      throw new NoSpaceError('the test');
    };
    expect(await get()).toMatchObject({
      status: 503,
      body: { status: 'error', details: { storage: { status: 'down' } } },
    });
  });
});
