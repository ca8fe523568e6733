import { StorageIoError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import { Collector, deferred, settled } from '../__fixtures__/waiting.js';
import type { TopicsEventMap } from '../events.js';
import type { Message } from '../message.js';

const orders = useOrders();

describe('a consumer group', () => {
  it('gets every message in order, what is there and what comes', async () => {
    await orders.topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    const { seen, group } = orders.collect();
    await seen.atLeast(3);
    await orders.topic.publish({ value: 4 });
    expect(values(await seen.atLeast(4))).toEqual([1, 2, 3, 4]);
    await (await group).stop();
    expect(orders.committed()).toBe(4);
    expect((await group).stats()).toMatchObject({ state: 'stopped', received: 4, handled: 4, failed: 0 });
  });

  it('goes on where it was, also after a restart', async () => {
    await orders.topic.publishBatch([1, 2].map((value) => ({ value })));
    const first = orders.collect();
    await first.seen.atLeast(2);
    await orders.running.stop();
    await orders.boot();
    await orders.topic.publish({ value: 3 });
    const second = orders.collect();
    expect(values(await second.seen.atLeast(1))).toEqual([3]);
  });

  it('from latest keeps the place where it began, though nothing was handled before a crash', async () => {
    await orders.topic.publish({ value: 'old' });
    const group = await orders.service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      from: 'latest',
      handler: () => {},
    });
    await settled();
    await group.stop();
    await orders.topic.publish({ value: 'new' });
    const { seen } = orders.collect({ from: 'latest' });
    expect(values(await seen.atLeast(1))).toEqual(['new']);
  });

  it('commits only what is handled', async () => {
    const gate = deferred();
    const entered = deferred();
    const handler = async () => {
      entered.resolve();
      await gate.promise;
    };
    const { group } = orders.collect({ handler });
    await orders.topic.publishBatch([1, 2].map((value) => ({ value })));
    await entered.promise;
    await settled();
    expect(orders.committed()).toBe(0);
    const stopped = (await group).stop();
    gate.resolve();
    await stopped;
    expect(orders.committed()).toBe(1);
  });

  it('tries a failed message again and goes no further, while other partitions go on', async () => {
    await orders.withPartitions(2);
    const errors: TopicsEventMap['handler-error'][0][] = [];
    orders.service.events.on('handler-error', (event) => void errors.push(event));
    let heal = false;
    const seen = new Collector<string>();
    const attempts: number[] = [];
    const { group } = orders.collect({
      order: 'partition',
      retry: { attempts: Infinity },
      handler: (message, context) => {
        if (message.value === 'bad') attempts.push(context.attempt);
        if (message.value === 'bad' && !heal) throw new Error('poison');
        seen.push(`${message.partition}:${String(message.value)}`);
      },
    });
    await orders.topic.publishBatch(['a', 'bad', 'c'].map((value) => ({ value, partition: 0 })));
    await orders.topic.publishBatch(['x', 'y', 'z'].map((value) => ({ value, partition: 1 })));
    await seen.atLeast(4);
    while (attempts.length < 3) await orders.nextEvent('handler-error');
    expect([...seen.items].sort()).toEqual(['0:a', '1:x', '1:y', '1:z']);
    expect([orders.committed(0), orders.committed(1)]).toEqual([1, 3]);
    expect(attempts.slice(0, 3)).toEqual([1, 2, 3]);
    expect(errors[0]).toMatchObject({ group: 'g', topic: 'orders', partition: 0, offset: 1, attempt: 1 });
    heal = true;
    await seen.atLeast(6);
    expect(seen.items.slice(4)).toEqual(['0:bad', '0:c']);
    expect((await group).stats().failed).toBeGreaterThanOrEqual(3);
  });

  it('stops at once while it waits to try again, and does not commit the failed message', async () => {
    const { group } = orders.collect({
      handler: () => Promise.reject(new Error('no')),
      retryBackoff: { initialMs: 60_000, maxMs: 60_000 },
    });
    const failed = orders.nextEvent('handler-error');
    await orders.topic.publish({ value: 1 });
    await failed;
    await (await group).stop();
    expect(orders.committed()).toBe(0);
  });

  it('hands batches over whole, and again whole when the handler fails', async () => {
    const batches: unknown[][] = [];
    const done = deferred();
    let failures = 1;
    const options = {
      order: 'partition' as const,
      handler: undefined,
      batchSize: 4,
      batchHandler: (messages: Message[]) => {
        batches.push(values(messages));
        if (messages.length === 4 && failures-- > 0) throw new Error('once');
        if (messages.at(-1)!.value === 5) done.resolve();
      },
    };
    await orders.topic.publishBatch([0, 1, 2, 3, 4, 5].map((value) => ({ value })));
    const { group } = orders.collect(options);
    await done.promise;
    await (await group).stop();
    expect(batches).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [4, 5],
    ]);
    expect(orders.committed()).toBe(6);
    expect((await group).stats()).toMatchObject({ received: 6, handled: 6, failed: 1 });
  });

  it('holds no more than maxInFlight, over all its partitions', async () => {
    await orders.withPartitions(4);
    await orders.topic.publishBatch(Array.from({ length: 400 }, (_, i) => ({ value: i, partition: i % 4 })));
    let held = 0;
    let most = 0;
    const all = new Collector<Message>();
    const { group } = orders.collect({
      maxInFlight: 3,
      handler: async (message) => {
        most = Math.max(most, ++held);
        await Promise.resolve();
        held--;
        all.push(message);
      },
    });
    await all.atLeast(400);
    expect(most).toBeLessThanOrEqual(3);
    const { received, handled } = (await group).stats();
    expect(received - handled).toBeLessThanOrEqual(3);
  });

  it('is told when it was overtaken by retention or truncation, and goes on', async () => {
    await orders.topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await orders.service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    await orders.topic.truncate();
    const lost = orders.nextEvent('retention-lost');
    const { seen } = orders.collect();
    expect(await lost).toEqual({ group: 'g', topic: 'orders', partition: 0, from: 1, to: 3 });
    await orders.topic.publish({ value: 4 });
    expect(values(await seen.atLeast(1))).toEqual([4]);
  });

  it('goes on when storage does, after a commit or a read has failed', async () => {
    const errors = new Collector<unknown>();
    orders.service.events.on('consumer-error', (event) => errors.push(event));
    let failures = 2;
    orders.running.adapter.onWrite = (name) => {
      if (name === '__genrocks' && failures-- > 0) throw new StorageIoError('no', undefined, true);
    };
    const { seen, group } = orders.collect();
    await orders.topic.publish({ value: 1 });
    await errors.atLeast(2);
    await seen.atLeast(1);
    await (await group).stop();
    expect(orders.committed()).toBe(1);
  });

  it('follows its topic through stop, start, and deletion', async () => {
    const { seen, group } = orders.collect();
    await orders.topic.publish({ value: 1 });
    await seen.atLeast(1);
    await orders.service.stopTopic('orders');
    expect((await group).stats().partitions).toEqual([]);
    await orders.service.startTopic('orders');
    await orders.topic.publish({ value: 2 });
    await seen.atLeast(2);
    await orders.service.deleteTopic('orders');
    const fresh = await orders.service.startTopic('orders');
    await fresh.publish({ value: 3 });
    expect(values(await seen.atLeast(3))).toEqual([1, 2, 3]);
  });
});

describe('handlers', () => {
  it('get time to finish on shutdown, then their signal, then are left alone', async () => {
    await orders.running.stop();
    await orders.boot({ drainTimeoutMs: 1 });
    const aborted = deferred();
    const release = deferred();
    const entered = deferred();
    orders.collect({
      handler: async (_message, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve());
        entered.resolve();
        await release.promise;
      },
    });
    await orders.topic.publish({ value: 1 });
    await entered.promise;
    await orders.service.onModuleDestroy();
    await aborted.promise;
    release.resolve();
    await settled();
    expect(orders.committed()).toBe(0);
  });

  it('may use the service while it drains', async () => {
    await orders.service.startTopic('results');
    const entered = deferred();
    const release = deferred();
    orders.collect({
      handler: async (message) => {
        entered.resolve();
        await release.promise;
        await orders.service.publish('results', { value: message.value });
      },
    });
    await orders.topic.publish({ value: 7 });
    await entered.promise;
    const drained = orders.service.onModuleDestroy();
    release.resolve();
    await drained;
    expect(orders.service.topic('results').partition(0).endOffset).toBe(1);
    expect(orders.committed()).toBe(1);
  });

  it('do not keep timers and sockets waiting, however much there is to do', async () => {
    let stop = false;
    let published = 0;
    const pump = (async () => {
      while (!stop) {
        await orders.topic.publish({ value: published++ });
      }
    })();
    orders.collect({ autoCommitIntervalMs: 10 });
    // Fires only if the loops above yield to the event loop.
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop = true;
    await pump;
    expect(published).toBeGreaterThan(0);
  });
});

describe('groups before bootstrap', () => {
  it('are held, and begin with it', async () => {
    await orders.running.stop();
    const { service: raw } = orders.running;
    expect(raw).toBeDefined();
    const { MapAdapter } = await import('../__fixtures__/map-adapter.js');
    const { TopicsService: Service } = await import('../topics.service.js');
    const adapter = new MapAdapter();
    const held = new Service({ default: adapter, all: [adapter] }, {});
    const seen = new Collector<Message>();
    const group = await held.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      handler: (m) => seen.push(m),
    });
    await held.onModuleInit();
    await held.publish('orders', { value: 1 });
    await settled();
    expect([group.state, seen.items.length]).toEqual(['held', 0]);
    await held.onApplicationBootstrap();
    await seen.atLeast(1);
    expect(group.state).toBe('running');
    await held.onApplicationShutdown();
    expect(group.state).toBe('stopped');
    await orders.boot();
  });
});
