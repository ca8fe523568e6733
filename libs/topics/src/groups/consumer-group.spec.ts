import { StorageIoError } from '@genrocks/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { type Running, startService } from '../__fixtures__/service.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import type { TopicsEventMap } from '../events.js';
import type { Message } from '../message.js';
import type { TopicsOptions } from '../options.js';
import type { Topic } from '../topic.js';
import type { TopicsService } from '../topics.service.js';
import type { ConsumerGroupOptions } from './group.types.js';

let running: Running;
let service: TopicsService;
let topic: Topic;
let disk: MapDisk;

async function boot(options: TopicsOptions = {}): Promise<void> {
  running = await startService(options, disk);
  service = running.service;
  topic = await service.startTopic('orders');
}

beforeEach(async () => {
  disk = new Map();
  await boot();
});
afterEach(() => running.stop());

const fast = { autoCommitIntervalMs: 0, retryBackoff: { initialMs: 1, maxMs: 2 } };
const values = (messages: readonly Message[]) => messages.map(({ value }) => value);
const committed = (partition = 0) => service.groups.committed('g', 'orders', partition)?.offset ?? null;

function collect(options: Partial<ConsumerGroupOptions> = {}) {
  const seen = new Collector<Message>();
  const group = service.startConsumerGroup({
    group: 'g',
    topics: ['orders'],
    handler: (message) => seen.push(message),
    ...fast,
    ...options,
  });
  return { seen, group };
}

function nextEvent<K extends keyof TopicsEventMap>(name: K): Promise<TopicsEventMap[K][0]> {
  return new Promise((resolve) => (service.events as NodeJS.EventEmitter).once(name, resolve));
}

describe('a consumer group', () => {
  it('gets every message in order, what is there and what comes', async () => {
    await topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    const { seen, group } = collect();
    await seen.atLeast(3);
    await topic.publish({ value: 4 });
    expect(values(await seen.atLeast(4))).toEqual([1, 2, 3, 4]);
    await (await group).stop();
    expect(committed()).toBe(4);
    expect((await group).stats()).toMatchObject({ state: 'stopped', received: 4, handled: 4, failed: 0 });
  });

  it('goes on where it was, also after a restart', async () => {
    await topic.publishBatch([1, 2].map((value) => ({ value })));
    const first = collect();
    await first.seen.atLeast(2);
    await running.stop();
    await boot();
    await topic.publish({ value: 3 });
    const second = collect();
    expect(values(await second.seen.atLeast(1))).toEqual([3]);
  });

  it('from latest keeps the place where it began, though nothing was handled before a crash', async () => {
    await topic.publish({ value: 'old' });
    const group = await service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      from: 'latest',
      handler: () => {},
    });
    await settled();
    await group.stop();
    await topic.publish({ value: 'new' });
    const { seen } = collect({ from: 'latest' });
    expect(values(await seen.atLeast(1))).toEqual(['new']);
  });

  it('commits only what is handled', async () => {
    const gate = deferred();
    const entered = deferred();
    const handler = async () => {
      entered.resolve();
      await gate.promise;
    };
    const { group } = collect({ handler });
    await topic.publishBatch([1, 2].map((value) => ({ value })));
    await entered.promise;
    await settled();
    expect(committed()).toBe(0);
    const stopped = (await group).stop();
    gate.resolve();
    await stopped;
    expect(committed()).toBe(1);
  });

  it('tries a failed message again and goes no further, while other partitions go on', async () => {
    await service.deleteTopic('orders');
    topic = await service.startTopic('orders', { partitions: 2 });
    const errors: TopicsEventMap['handler-error'][0][] = [];
    service.events.on('handler-error', (event) => void errors.push(event));
    let heal = false;
    const seen = new Collector<string>();
    const attempts: number[] = [];
    const { group } = collect({
      order: 'partition',
      retry: { attempts: Infinity },
      handler: (message, context) => {
        if (message.value === 'bad') attempts.push(context.attempt);
        if (message.value === 'bad' && !heal) throw new Error('poison');
        seen.push(`${message.partition}:${String(message.value)}`);
      },
    });
    await topic.publishBatch(['a', 'bad', 'c'].map((value) => ({ value, partition: 0 })));
    await topic.publishBatch(['x', 'y', 'z'].map((value) => ({ value, partition: 1 })));
    await seen.atLeast(4);
    while (attempts.length < 3) await nextEvent('handler-error');
    expect([...seen.items].sort()).toEqual(['0:a', '1:x', '1:y', '1:z']);
    expect([committed(0), committed(1)]).toEqual([1, 3]);
    expect(attempts.slice(0, 3)).toEqual([1, 2, 3]);
    expect(errors[0]).toMatchObject({ group: 'g', topic: 'orders', partition: 0, offset: 1, attempt: 1 });
    heal = true;
    await seen.atLeast(6);
    expect(seen.items.slice(4)).toEqual(['0:bad', '0:c']);
    expect((await group).stats().failed).toBeGreaterThanOrEqual(3);
  });

  it('stops at once while it waits to try again, and does not commit the failed message', async () => {
    const { group } = collect({
      handler: () => Promise.reject(new Error('no')),
      retryBackoff: { initialMs: 60_000, maxMs: 60_000 },
    });
    const failed = nextEvent('handler-error');
    await topic.publish({ value: 1 });
    await failed;
    await (await group).stop();
    expect(committed()).toBe(0);
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
    await topic.publishBatch([0, 1, 2, 3, 4, 5].map((value) => ({ value })));
    const { group } = collect(options);
    await done.promise;
    await (await group).stop();
    expect(batches).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [4, 5],
    ]);
    expect(committed()).toBe(6);
    expect((await group).stats()).toMatchObject({ received: 6, handled: 6, failed: 1 });
  });

  it('holds no more than maxInFlight, over all its partitions', async () => {
    await service.deleteTopic('orders');
    topic = await service.startTopic('orders', { partitions: 4 });
    await topic.publishBatch(Array.from({ length: 400 }, (_, i) => ({ value: i, partition: i % 4 })));
    let held = 0;
    let most = 0;
    const all = new Collector<Message>();
    const { group } = collect({
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
    await topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    await topic.truncate();
    const lost = nextEvent('retention-lost');
    const { seen } = collect();
    expect(await lost).toEqual({ group: 'g', topic: 'orders', partition: 0, from: 1, to: 3 });
    await topic.publish({ value: 4 });
    expect(values(await seen.atLeast(1))).toEqual([4]);
  });

  it('goes on when storage does, after a commit or a read has failed', async () => {
    const errors = new Collector<unknown>();
    service.events.on('consumer-error', (event) => errors.push(event));
    let failures = 2;
    running.adapter.onWrite = (name) => {
      if (name === '__genrocks' && failures-- > 0) throw new StorageIoError('no', undefined, true);
    };
    const { seen, group } = collect();
    await topic.publish({ value: 1 });
    await errors.atLeast(2);
    await seen.atLeast(1);
    await (await group).stop();
    expect(committed()).toBe(1);
  });

  it('follows its topic through stop, start, and deletion', async () => {
    const { seen, group } = collect();
    await topic.publish({ value: 1 });
    await seen.atLeast(1);
    await service.stopTopic('orders');
    expect((await group).stats().partitions).toEqual([]);
    await service.startTopic('orders');
    await topic.publish({ value: 2 });
    await seen.atLeast(2);
    await service.deleteTopic('orders');
    const fresh = await service.startTopic('orders');
    await fresh.publish({ value: 3 });
    expect(values(await seen.atLeast(3))).toEqual([1, 2, 3]);
  });
});

describe('handlers', () => {
  it('get time to finish on shutdown, then their signal, then are left alone', async () => {
    await running.stop();
    await boot({ drainTimeoutMs: 1 });
    const aborted = deferred();
    const release = deferred();
    const entered = deferred();
    collect({
      handler: async (_message, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve());
        entered.resolve();
        await release.promise;
      },
    });
    await topic.publish({ value: 1 });
    await entered.promise;
    await service.onModuleDestroy();
    await aborted.promise;
    release.resolve();
    await settled();
    expect(committed()).toBe(0);
  });

  it('may use the service while it drains', async () => {
    await service.startTopic('results');
    const entered = deferred();
    const release = deferred();
    collect({
      handler: async (message) => {
        entered.resolve();
        await release.promise;
        await service.publish('results', { value: message.value });
      },
    });
    await topic.publish({ value: 7 });
    await entered.promise;
    const drained = service.onModuleDestroy();
    release.resolve();
    await drained;
    expect(service.topic('results').partition(0).endOffset).toBe(1);
    expect(committed()).toBe(1);
  });

  it('do not keep timers and sockets waiting, however much there is to do', async () => {
    let stop = false;
    let published = 0;
    const pump = (async () => {
      while (!stop) {
        await topic.publish({ value: published++ });
      }
    })();
    collect({ autoCommitIntervalMs: 10 });
    // Fires only if the loops above let the event loop turn.
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop = true;
    await pump;
    expect(published).toBeGreaterThan(0);
  });
});

describe('members of one group', () => {
  it('share the partitions: each has exactly one owner, and all messages arrive', async () => {
    await service.deleteTopic('orders');
    topic = await service.startTopic('orders', { partitions: 5 });
    const first = collect();
    await topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 1, partition })));
    await first.seen.atLeast(5);
    const second = collect();
    await second.group;
    const { members, generation, state } = await service.groups.describe('g');
    const owned = members.map(({ assignment }) => assignment[0]!.partitions);
    expect(owned.map(({ length }) => length).sort()).toEqual([2, 3]);
    expect(owned.flat().sort()).toEqual([0, 1, 2, 3, 4]);
    // One to take from the first, one to give to the second.
    expect([generation, state]).toEqual([3, 'stable']);
    await topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 2, partition })));
    await Promise.all([first.seen.atLeast(5 + owned[0]!.length), second.seen.atLeast(owned[1]!.length)]);
    await (await first.group).stop();
    expect((await service.groups.describe('g')).members[0]!.assignment[0]!.partitions).toEqual([
      0, 1, 2, 3, 4,
    ]);
    await topic.publishBatch(Array.from({ length: 5 }, (_, partition) => ({ value: 3, partition })));
    await second.seen.atLeast(owned[1]!.length + 5);
    const all = [...first.seen.items, ...second.seen.items].map(
      ({ partition, offset }) => `${partition}:${offset}`,
    );
    expect(all).toHaveLength(15);
    expect(new Set(all).size).toBe(15);
  });

  it('hand a partition over only after the old owner has let go of it', async () => {
    const gate = deferred();
    const entered = deferred();
    const first = collect({
      handler: async () => {
        entered.resolve();
        await gate.promise;
      },
    });
    await topic.publishBatch([1, 2].map((value) => ({ value })));
    await entered.promise;
    const second = collect();
    const stopped = (await first.group).stop();
    await settled();
    expect(second.seen.items).toEqual([]);
    gate.resolve();
    await stopped;
    expect(values(await second.seen.atLeast(1))).toEqual([2]);
  });

  it('of other groups get everything too', async () => {
    const a = collect();
    const b = collect({ group: 'other' });
    await topic.publish({ value: 1 });
    await Promise.all([a.seen.atLeast(1), b.seen.atLeast(1)]);
  });
});

describe('groups before bootstrap', () => {
  it('are held, and begin with it', async () => {
    await running.stop();
    const { service: raw } = running;
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
    await boot();
  });
});

describe('the group registry', () => {
  it('lists and describes groups with their lag', async () => {
    await topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }]);
    const { seen } = collect();
    await seen.atLeast(3);
    expect(service.groups.list()).toMatchObject([
      { group: 'g', state: 'stable', members: 1, topics: ['orders'] },
      { group: 'idle', state: 'empty', members: 0, topics: ['orders'] },
    ]);
    expect(await service.groups.describe('idle')).toMatchObject({
      members: [],
      lag: 2,
      offsets: [
        { topic: 'orders', partition: 0, committed: 1, metadata: 'm', endOffset: 3, lag: 2, memberId: null },
      ],
    });
    expect((await service.groups.describe('g')).offsets[0]!.memberId).toMatch(/^g-/);
    await expect(service.groups.describe('none')).rejects.toThrowError(coded('GROUP_NOT_FOUND'));
  });

  it('refuses commits that make no sense', async () => {
    await topic.publish({ value: 1 });
    const commit = (offset: number, rest = {}) =>
      service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset, ...rest }]);
    for (const offset of [-1, 2, 0.5, NaN, 2 ** 60]) {
      await expect(commit(offset)).rejects.toThrowError(coded('OFFSET_OUT_OF_RANGE'));
    }
    await expect(commit(1, { topic: 'none' })).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
    await expect(commit(1, { partition: 1 })).rejects.toThrowError(coded('PARTITION_NOT_FOUND'));
    await expect(commit(1, { metadata: 'x'.repeat(5000) })).rejects.toThrowError(coded('INVALID_GROUP'));
    for (const name of ['', 'a\0b', 'x'.repeat(256)]) {
      await expect(service.groups.commitOffsets(name, [])).rejects.toThrowError(coded('INVALID_GROUP'));
    }
    await collect().group;
    await expect(
      service.groups.commitOffsets('g', [{ topic: 'orders', partition: 0, offset: 0 }]),
    ).rejects.toThrowError(coded('GROUP_NOT_EMPTY'));
    await expect(service.groups.delete('g')).rejects.toThrowError(coded('GROUP_NOT_EMPTY'));
  });

  it('takes offsets past the end where it is told to, and the log does not follow them', async () => {
    await topic.publish({ value: 1 });
    const commit = { topic: 'orders', partition: 0, offset: 1000 };
    await service.groups.commitOffsets('g', [commit], { allowBeyondEnd: true });
    await running.stop();
    await boot();
    expect(committed()).toBe(1000);
    const { seen, group } = collect();
    await group;
    expect((await topic.publish({ value: 2 })).offset).toBe(1);
    expect(values(await seen.atLeast(1))).toEqual([2]);
    await (await group).stop();
    expect(committed()).toBe(2);
  });

  it('resets offsets to either end, an offset or a time', async () => {
    await topic.publishBatch([0, 1, 2, 3].map((value) => ({ value, timestamp: value * 10 })));
    await service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset: 2 }]);
    const offset = () => service.groups.committed('idle', 'orders', 0)!.offset;
    const cases = [
      ['earliest', 0],
      ['latest', 4],
      [{ offset: 3 }, 3],
      [{ offset: 99 }, 4],
      [{ timestamp: 15 }, 2],
      [{ timestamp: 99 }, 4],
    ] as const;
    for (const [to, expected] of cases) {
      const before = offset();
      const plan = await service.groups.resetOffsets('idle', { to, dryRun: true });
      expect(plan).toEqual([{ topic: 'orders', partition: 0, offset: expected }]);
      expect(offset()).toBe(before);
      await service.groups.resetOffsets('idle', { to });
      expect(offset()).toBe(expected);
    }
  });

  it('forgets deleted groups for good, and is limited in number', async () => {
    await service.groups.commitOffsets('idle', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await service.groups.delete('idle');
    expect(service.groups.list()).toEqual([]);
    await running.stop();
    await boot({ maxGroups: 1 });
    expect(service.groups.list()).toEqual([]);
    await service.groups.commitOffsets('one', [{ topic: 'orders', partition: 0, offset: 0 }]);
    await expect(
      service.groups.commitOffsets('two', [{ topic: 'orders', partition: 0, offset: 0 }]),
    ).rejects.toThrowError(coded('LIMIT_REACHED'));
  });

  it('tells stores the lowest batch some group still needs', async () => {
    await topic.publishBatch([1, 2, 3].map((value) => ({ value })));
    await topic.publish({ value: 4 });
    const store = running.adapter.opened.get('orders:0')!;
    const retained = () => (store.retained === null ? null : (store.retained as Buffer).readBigUInt64BE());
    await service.groups.commitOffsets('a', [{ topic: 'orders', partition: 0, offset: 4 }]);
    await settled();
    expect(retained()).toBe(3n);
    await service.groups.commitOffsets('b', [{ topic: 'orders', partition: 0, offset: 2 }]);
    await settled();
    expect(retained()).toBe(0n);
    await service.groups.delete('b');
    await service.groups.delete('a');
    await settled();
    expect(retained()).toBeNull();
  });

  it('refuses options that make no sense', async () => {
    const options = { group: 'g', topics: ['orders'], handler: () => {} };
    const bad = [
      { ...options, group: '' },
      { ...options, topics: [] },
      { ...options, batchHandler: () => {} },
      { ...options, handler: undefined },
      { ...options, from: 'middle' },
      { ...options, maxInFlight: 0 },
      { ...options, maxInflight: 5 },
    ];
    for (const one of bad) {
      await expect(service.startConsumerGroup(one as never)).rejects.toThrowError(coded('INVALID_GROUP'));
    }
  });
});
