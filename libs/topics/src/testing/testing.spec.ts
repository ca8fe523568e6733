import { Test, type TestingModule } from '@nestjs/testing';
import { NoSpaceError } from '@genrocks/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { coded } from '../__fixtures__/waiting.js';
import type { TopicsOptions } from '../options.js';
import { ManualClock, MemoryAdapter, type MemoryDisk, TopicsTester, TopicsTestingModule } from './index.js';

let app: TestingModule;
afterEach(() => app.close());

async function tester(options: TopicsOptions = {}, adapter = new MemoryAdapter()): Promise<TopicsTester> {
  app = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot({ ...options, adapter })],
  }).compile();
  await app.init();
  return TopicsTester.of(app);
}

describe('MemoryAdapter', () => {
  it('replaces any adapter: accepts its settings, and topics that name a missing one', async () => {
    const { topics } = await tester({
      topics: [
        { name: 'orders', storage: { maxNoFiles: 20, maxNoBytes: 1_000_000 } },
        { name: 'clicks', storage: { adapter: 'ets', maxBytes: 64_000 } },
      ],
    });
    await topics.publishBatch('clicks', [{ value: 1 }, { value: 2 }]);
    expect(topics.topic('clicks').describe()).toMatchObject({
      adapter: 'memory',
      settings: { maxBytes: 64_000 },
    });
    const again = { storage: { adapter: 'ets' } };
    expect(await topics.startTopic('clicks', again)).toBe(topics.topic('clicks'));
  });
});

describe('TopicsTester', () => {
  it('spies on topics: existing, new and missing messages', async () => {
    const { topics, ...rest } = await tester();
    const kit = new TopicsTester(topics, rest.clock);
    await topics.publish('orders', { value: 1 });
    const spy = await kit.spyTopic<number>('orders');
    const later = spy.waitFor(({ value }) => value === 2);
    await topics.publish('orders', { value: 2 });
    expect((await later).offset).toBe(1);
    expect((await spy.waitForMany(2)).map(({ value }) => value)).toEqual([1, 2]);
    await expect(spy.waitFor(() => false, { timeoutMs: 1 })).rejects.toThrowError(coded('SPY_TIMEOUT'));
  });

  it('spies on groups', async () => {
    const kit = await tester();
    const spy = kit.spyGroup('g');
    let tries = 0;
    await kit.topics.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      handler: () => {
        if (++tries === 1) throw new Error('once');
      },
    });
    await kit.topics.publish('orders', { value: 1 });
    await kit.drain();
    expect((await spy.waitFor(({ value }) => value === 1)).offset).toBe(0);
    expect(tries).toBe(2);
  });

  it('drains through retries of minutes, chains of topics and dead letters', async () => {
    const kit = await tester();
    const { topics } = kit;
    await topics.startConsumerGroup({
      group: 'first',
      topics: ['a'],
      retry: { attempts: 4, initialMs: 60_000, maxMs: 600_000 },
      handler: async (message, { attempt }) => {
        if (message.value === 'bad' || attempt < 3) throw new Error('no');
        await topics.publish('b', { value: message.value });
      },
    });
    await topics.startConsumerGroup({ group: 'second', topics: ['b'], handler: () => {} });
    await topics.publishBatch('a', [{ value: 1 }, { value: 'bad' }]);
    const before = kit.clock!.now();
    await kit.drain();
    expect(kit.clock!.now() - before).toBeGreaterThan(120_000);
    expect(topics.groups.committed('second', 'b', 0)!.offset).toBe(1);
    expect(await topics.deadLetters.list('a.dlq')).toHaveLength(1);
  });

  it('names the groups that keep a drain from ending', async () => {
    const kit = await tester();
    await kit.topics.startConsumerGroup({
      group: 'stuck',
      topics: ['a'],
      commit: 'manual',
      handler: () => {},
    });
    await kit.topics.publish('a', { value: 1 });
    await expect(kit.drain({ timeoutMs: 5 })).rejects.toThrowError(/stuck \(1\)/);
  });

  it('makes storage fail, and outlive the application', async () => {
    const disk: MemoryDisk = new Map();
    const adapter = new MemoryAdapter(disk);
    const kit = await tester({}, adapter);
    adapter.onWrite = (topic) => {
      if (topic === 'orders') throw new NoSpaceError('the test');
    };
    await kit.topics.startTopic('orders');
    await expect(kit.topics.publish('orders', { value: 1 })).rejects.toThrowError(coded('NO_SPACE'));
    adapter.onWrite = () => {};
    await kit.topics.publish('orders', { value: 2 });
    await app.close();
    const again = await tester({}, new MemoryAdapter(disk));
    expect((await again.spyTopic('orders')).messages).toEqual([]);
    expect(again.topics.topic('orders').partition(0).endOffset).toBe(1);
  });

  it('starts and ends a hundred applications in no time, with nothing left open', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 100; i++) {
      const kit = await tester();
      await kit.topics.startConsumerGroup({ group: 'g', topics: ['t'], handler: () => {} });
      await kit.topics.publish('t', { value: i });
      await kit.drain();
      await app.close();
    }
    // A leak would leave one handle per application; the test runner has a few of its own.
    expect(timers()).toBeLessThan(before + 10);
  });
});

describe('ManualClock', () => {
  it('ends pauses in order, including those begun meanwhile', async () => {
    app = await Test.createTestingModule({}).compile();
    const clock = new ManualClock(0);
    const ended: [string, number][] = [];
    const { signal } = new AbortController();
    const nap = (name: string, ms: number) =>
      clock.sleep(ms, signal).then(() => void ended.push([name, clock.now()]));
    void nap('b', 20);
    void nap('a', 10).then(() => nap('c', 15));
    await clock.advance(24);
    expect(ended).toEqual([
      ['a', 10],
      ['b', 20],
    ]);
    await clock.advanceToNext();
    expect(ended[2]).toEqual(['c', 25]);
    const abort = new AbortController();
    const aborted = clock.sleep(1_000, abort.signal);
    abort.abort();
    await aborted;
    expect(clock.sleeping).toBe(0);
  });

  it("can be set like a machine's clock, without changing pauses", async () => {
    app = await Test.createTestingModule({}).compile();
    const clock = new ManualClock(1_000);
    let hasEnded = false;
    void clock.sleep(20, new AbortController().signal).then(() => (hasEnded = true));
    clock.set(500_000);
    expect([clock.now(), clock.monotonic()]).toEqual([500_000, 1_000]);
    await clock.advance(19);
    expect([clock.now(), hasEnded]).toEqual([500_019, false]);
    clock.set(0);
    await clock.advance(1);
    expect([clock.now(), hasEnded]).toEqual([1, true]);
  });
});
