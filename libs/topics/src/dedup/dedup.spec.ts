import { NoSpaceError, SortedKeyMap } from '@genrocks/storage';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { holdWrite, type Running, startService } from '../__fixtures__/service.js';
import { coded, deferred, settled } from '../__fixtures__/waiting.js';
import type { PublishMessage, PublishResult } from '../message.js';
import type { TopicOptions, TopicsOptions } from '../options.js';
import { ManualClock } from '../testing/manual-clock.js';
import type { Topic } from '../topic.js';

const WINDOW = 60_000;

let disk: MapDisk;
let clock: ManualClock;
let running: Running;
let topic: Topic;

async function start(topicOptions: TopicOptions = {}, options: TopicsOptions = {}): Promise<void> {
  running = await startService({ clock, tailCacheBytes: 0, ...options }, disk);
  topic = await running.service.startTopic('orders', {
    dedup: { windowMs: WINDOW, maxIds: 1_000 },
    ...topicOptions,
  });
}

/** As after kill -9: what has not reached the store is gone, and nobody was told. */
async function crash(topicOptions?: TopicOptions): Promise<void> {
  const survivors: MapDisk = new Map();
  for (const [id, data] of disk) {
    const copy = new SortedKeyMap<Buffer>();
    for (const [key, value] of data.page('', undefined, false, Infinity)) copy.set(key, value);
    survivors.set(id, copy);
  }
  await running.stop();
  disk = survivors;
  await start(topicOptions);
}

beforeEach(async () => {
  disk = new Map();
  clock = new ManualClock();
  await start();
});
afterEach(() => running.stop());

const values = async (partition = 0) => {
  const { startOffset } = topic.partition(partition);
  const { messages } = await topic.partition(partition).readMessages({ offset: startOffset });
  return messages.map(({ value }) => value);
};

describe('a repeated id', () => {
  it('is answered with the place of the first, and stores nothing', async () => {
    const first = await topic.publish({ id: 'a', key: 'k', value: 1 });
    expect(first).not.toHaveProperty('duplicate');
    await clock.advance(1_000);
    expect(await topic.publish({ id: 'a', key: 'k', value: 'other' })).toEqual({ ...first, duplicate: true });
    expect(await values()).toEqual([1]);
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(messages[0]).toMatchObject({ id: 'a', headers: {} });
  });

  it('is known whatever partition its message would go to', async () => {
    await running.service.startTopic('spread', { partitions: 4, dedup: {}, routing: 'round_robin' });
    const spread = running.service.topic('spread');
    const first = await spread.publish({ id: 'a', value: 1 });
    for (let i = 0; i < 8; i++) {
      expect(await spread.publish({ id: 'a', value: 1 })).toEqual({ ...first, duplicate: true });
    }
  });

  it('is a new message once the window is over', async () => {
    await topic.publish({ id: 'a', value: 1 });
    await clock.advance(WINDOW - 1);
    expect(await topic.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 0, duplicate: true });
    await clock.advance(1);
    expect(await topic.publish({ id: 'a', value: 3 })).toEqual(expect.objectContaining({ offset: 1 }));
    expect(await topic.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 1, duplicate: true });
    expect(await values()).toEqual([1, 3]);
  });

  it('waits for a first that is being stored', async () => {
    const hold = holdWrite(running);
    const first = topic.publish({ id: 'a', value: 1 });
    await hold.reached;
    const second = topic.publish({ id: 'a', value: 2 });
    expect(await Promise.race([second, settled()])).toBeUndefined();
    hold.release();
    expect(await second).toEqual({ ...(await first), duplicate: true });
    expect(await values()).toEqual([1]);
  });

  it('fails with a first that fails, and is free again then: what is acknowledged is stored', async () => {
    const hold = holdWrite(running);
    const both = [topic.publish({ id: 'a', value: 1 }), topic.publish({ id: 'a', value: 2 })];
    await hold.reached;
    hold.fail(new NoSpaceError('the disk'));
    for (const publish of both) await expect(publish).rejects.toThrowError(coded('NO_SPACE'));
    expect(await topic.publish({ id: 'a', value: 3 })).not.toHaveProperty('duplicate');
    expect(await values()).toEqual([3]);
  });

  it('is free again where its first was refused', async () => {
    await start({}, { maxPendingBytes: 64 * 1024 });
    const hold = holdWrite(running);
    const large = { value: Buffer.alloc(15_000) };
    const held = [topic.publish(large)];
    await hold.reached;
    for (let refused = false; !refused;) {
      const attempt = topic.publish(large);
      refused = (await Promise.race([attempt.catch(() => 'refused'), settled()])) === 'refused';
      if (!refused) held.push(attempt);
    }
    await expect(topic.publish({ ...large, id: 'a' })).rejects.toThrowError(coded('BACKPRESSURE'));
    await expect(topic.publishBatch([{ ...large, id: 'a' }])).rejects.toThrowError(coded('BACKPRESSURE'));
    hold.release();
    await Promise.all(held);
    expect(await topic.publish({ id: 'a', value: 1 })).not.toHaveProperty('duplicate');
  });

  it('within one publishBatch, and of messages before, is left out of it', async () => {
    await topic.publish({ id: 'a', value: 'a' });
    const results = await topic.publishBatch([
      { id: 'b', value: 'b' },
      { id: 'a', value: 'again' },
      { value: 'no id' },
      { id: 'b', value: 'again' },
      { id: 'c', value: 'c' },
    ]);
    expect(results.map(({ offset, duplicate = false }) => [offset, duplicate])).toEqual([
      [1, false],
      [0, true],
      [2, false],
      [1, true],
      [3, false],
    ]);
    const again = await topic.publishBatch(['a', 'b', 'c'].map((id) => ({ id, value: 'again' })));
    expect(again.map(({ offset, duplicate }) => [offset, duplicate])).toEqual([
      [0, true],
      [1, true],
      [3, true],
    ]);
    expect(await values()).toEqual(['a', 'b', 'no id', 'c']);
  });

  it('stays free where its batch was not valid', async () => {
    await expect(topic.publishBatch([{ id: 'a', value: 1 }, { value: 1n }])).rejects.toThrowError(
      coded('CODEC_FAILED'),
    );
    expect(await topic.publish({ id: 'a', value: 1 })).not.toHaveProperty('duplicate');
  });

  it('is known from a batch that came packed, which itself is stored as it is', async () => {
    await topic.publish({ id: 'a', value: 1 });
    const { batches } = await topic.partition(0).readBatches({ offset: 0 });
    await topic.partition(0).append(batches[0]!);
    expect(await topic.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 1, duplicate: true });
  });

  it('is new after truncate', async () => {
    await topic.publish({ id: 'a', value: 1 });
    await topic.truncate();
    expect(await topic.publish({ id: 'a', value: 2 })).toEqual(expect.objectContaining({ offset: 1 }));
    await crash();
    expect(await values()).toEqual([2]);
  });

  it('means nothing where the topic does not ask for it, but travels with the message', async () => {
    await running.service.startTopic('plain');
    await running.service.publish('plain', { id: 'a', value: 1 });
    expect(await running.service.publish('plain', { id: 'a', value: 2 })).toMatchObject({ offset: 1 });
    const read = await running.service.topic('plain').partition(0).readMessages({ offset: 0 });
    expect(read.messages.map(({ id }) => id)).toEqual(['a', 'a']);
  });

  it('must be text that can be kept', async () => {
    for (const id of ['', 5, null, 'x'.repeat(257), 'half \ud83d']) {
      await expect(topic.publish({ id: id as string, value: 1 })).rejects.toThrowError(
        coded('INVALID_MESSAGE'),
      );
    }
    await expect(topic.publish({ value: 1, headers: { 'genrocks-message-id': 'x' } })).rejects.toThrowError(
      coded('INVALID_MESSAGE'),
    );
    expect(await topic.publish({ id: 'ü'.repeat(128), value: 1 })).toMatchObject({ offset: 0 });
  });
});

describe('the window', () => {
  it('holds over a crash, to the millisecond, whatever timestamps say', async () => {
    await topic.publish({ id: 'now', value: 1 });
    await topic.publish({ id: 'old timestamp', value: 2, timestamp: 5 });
    await topic.publish({ id: 'future', value: 3, timestamp: clock.now() + 1e9 });
    await topic.publish({ value: 'no id', timestamp: 5 });
    await clock.advance(WINDOW - 1);
    await crash();
    for (const id of ['now', 'old timestamp', 'future']) {
      expect(await topic.publish({ id, value: 'again' })).toMatchObject({ duplicate: true });
    }
    await clock.advance(1);
    await crash();
    for (const id of ['now', 'old timestamp', 'future']) {
      expect(await topic.publish({ id, value: 'again' })).not.toHaveProperty('duplicate');
    }
  });

  it('is read back no further than it reaches, however much lies before it', async () => {
    for (let i = 0; i < 40; i++) {
      await topic.publish({ id: `old ${i}`, value: i });
      await clock.advance(WINDOW / 10);
    }
    running.adapter.opened.clear();
    const ids = async () => (await topic.info()).ids!.ids;
    expect(await ids()).toBeLessThanOrEqual(11);
    await crash();
    expect(await ids()).toBe(9);
    expect(await topic.publish({ id: 'old 31', value: 'again' })).toMatchObject({ offset: 31 });
    expect(await topic.publish({ id: 'old 30', value: 'again' })).toMatchObject({ offset: 40 });
  });

  it('begins when dedup is turned on, and ends when it is turned off', async () => {
    await running.service.startTopic('later');
    await running.service.publish('later', { id: 'a', value: 1 });
    await running.service.stopTopic('later');
    const later = await running.service.startTopic('later', { dedup: { windowMs: WINDOW } });
    expect(later.describe().dedup).toEqual({ windowMs: WINDOW, maxIds: 100_000 });
    expect(await later.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 1 });
    expect(await later.publish({ id: 'a', value: 3 })).toMatchObject({ offset: 1, duplicate: true });
    await running.service.stopTopic('later');
    await running.service.startTopic('later', { dedup: false });
    expect(later.describe()).not.toHaveProperty('dedup');
    expect(await later.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 2 });
    expect(await later.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 3 });
  });

  it('holds in partitions that were added', async () => {
    await running.service.addPartitions('orders', 3);
    const first = await topic.publish({ id: 'a', value: 1, partition: 2 });
    await crash({ partitions: 3 });
    expect(await topic.publish({ id: 'a', value: 2, partition: 0 })).toEqual({ ...first, duplicate: true });
  });

  it('keeps at most maxIds ids, the newest, and says how many it forgot', async () => {
    await start();
    await running.service.startTopic('few', { dedup: { maxIds: 3 } });
    const few = running.service.topic('few');
    for (const id of 'abcde') await few.publish({ id, value: id });
    expect((await few.info()).ids).toMatchObject({ ids: 3, forgotten: 2 });
    expect(await few.publish({ id: 'c', value: 'again' })).toMatchObject({ offset: 2, duplicate: true });
    expect(await few.publish({ id: 'b', value: 'again' })).not.toHaveProperty('duplicate');
  });

  it('lets no more repeats wait than ids may be known', async () => {
    await running.service.startTopic('few', { dedup: { maxIds: 2 } });
    const gate = deferred();
    running.adapter.onWrite = (name) => (name === 'few' ? gate.promise : undefined);
    const few = running.service.topic('few');
    const waiting = Array.from({ length: 3 }, () => few.publish({ id: 'a', value: 1 }));
    await expect(few.publish({ id: 'a', value: 1 })).rejects.toThrowError(coded('BACKPRESSURE'));
    await expect(
      few.publishBatch([
        { id: 'b', value: 1 },
        { id: 'a', value: 1 },
      ]),
    ).rejects.toThrowError(coded('BACKPRESSURE'));
    gate.resolve();
    expect(await Promise.all(waiting)).toHaveLength(3);
    expect(await few.publish({ id: 'b', value: 1 })).toMatchObject({ offset: 1 });
  });

  it('is checked', async () => {
    for (const dedup of [true, 5, { windowMs: 0 }, { maxIds: 1.5 }, { window: 5 }]) {
      await expect(running.service.startTopic('x', { dedup: dedup as never })).rejects.toThrowError(
        coded('INVALID_CONFIG'),
      );
    }
    await expect(running.service.startTopic('orders', { dedup: { windowMs: 5 } })).rejects.toThrowError(
      coded('TOPIC_EXISTS'),
    );
  });
});

describe('any publishes, failures, crashes and passing of time', () => {
  type Step =
    | { readonly do: 'publish' | 'fail' | 'batch'; readonly ids: readonly number[] }
    | { readonly do: 'crash' }
    | { readonly do: 'wait'; readonly ms: number };

  const ids = fc.array(fc.nat(5), { minLength: 1, maxLength: 4 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('publish', 'batch', 'fail'), ids }) },
    { weight: 1, arbitrary: fc.constant({ do: 'crash' } as const) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(WINDOW) }) },
  );

  it('never store an id twice within the window, and never acknowledge what is not stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await running.stop();
        disk = new Map();
        const options = { partitions: 2, routing: 'round_robin' } as const;
        await start(options);
        const stored = new Map<string, { at: number; place: string }>();
        const acknowledge = (id: string, { partition, offset, duplicate }: PublishResult) => {
          const before = stored.get(id);
          const known = before !== undefined && clock.now() - before.at < WINDOW;
          expect(duplicate ?? false).toBe(known);
          if (known) expect(`${partition}/${offset}`).toBe(before.place);
          else stored.set(id, { at: clock.now(), place: `${partition}/${offset}` });
        };
        for (const one of steps) {
          if (one.do === 'crash') await crash(options);
          else if (one.do === 'wait') await clock.advance(one.ms);
          else {
            const messages = one.ids.map((n): PublishMessage => ({ id: `id ${n}`, value: n, partition: 0 }));
            if (one.do === 'fail') {
              running.adapter.onWrite = (name) => {
                if (name === 'orders') throw new NoSpaceError('the disk');
              };
            }
            if (one.do === 'publish') {
              const results = await Promise.all(messages.map((message) => topic.publish(message)));
              results.forEach((result, i) => acknowledge(messages[i]!.id!, result));
            } else {
              const results = await topic.publishBatch(messages).catch(() => undefined);
              results?.forEach((result, i) => acknowledge(messages[i]!.id!, result));
            }
            running.adapter.onWrite = () => {};
          }
        }
        for (const { place } of stored.values()) {
          const [partition, offset] = place.split('/').map(Number) as [number, number];
          expect(topic.partition(partition).endOffset).toBeGreaterThan(offset);
        }
      }),
      { numRuns: 60 },
    );
  });
});
