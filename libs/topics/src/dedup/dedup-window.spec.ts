import { NoSpaceError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DedupWorld, useDedup } from '../__fixtures__/dedup.js';
import { coded, deferred } from '../__fixtures__/waiting.js';
import type { PublishMessage, PublishResult } from '../message.js';

const world = useDedup();

describe('the window', () => {
  it('holds over a crash, to the millisecond, whatever timestamps say', async () => {
    await world.topic.publish({ id: 'now', value: 1 });
    await world.topic.publish({ id: 'old timestamp', value: 2, timestamp: 5 });
    await world.topic.publish({ id: 'future', value: 3, timestamp: world.clock.now() + 1e9 });
    await world.topic.publish({ value: 'no id', timestamp: 5 });
    await world.clock.advance(DedupWorld.WINDOW - 1);
    await world.crash();
    for (const id of ['now', 'old timestamp', 'future']) {
      expect(await world.topic.publish({ id, value: 'again' })).toMatchObject({ duplicate: true });
    }
    await world.clock.advance(1);
    await world.crash();
    for (const id of ['now', 'old timestamp', 'future']) {
      expect(await world.topic.publish({ id, value: 'again' })).not.toHaveProperty('duplicate');
    }
  });

  it('is read back no further than it reaches, however much lies before it', async () => {
    for (let i = 0; i < 40; i++) {
      await world.topic.publish({ id: `old ${i}`, value: i });
      await world.clock.advance(DedupWorld.WINDOW / 10);
    }
    world.running.adapter.opened.clear();
    const ids = async () => (await world.topic.info()).ids!.ids;
    expect(await ids()).toBeLessThanOrEqual(11);
    await world.crash();
    expect(await ids()).toBe(9);
    expect(await world.topic.publish({ id: 'old 31', value: 'again' })).toMatchObject({ offset: 31 });
    expect(await world.topic.publish({ id: 'old 30', value: 'again' })).toMatchObject({ offset: 40 });
  });

  it('begins when dedup is turned on, and ends when it is turned off', async () => {
    await world.running.service.startTopic('later');
    await world.running.service.publish('later', { id: 'a', value: 1 });
    await world.running.service.stopTopic('later');
    const later = await world.running.service.startTopic('later', { dedup: { windowMs: DedupWorld.WINDOW } });
    expect(later.describe().dedup).toEqual({ windowMs: DedupWorld.WINDOW, maxIds: 100_000 });
    expect(await later.publish({ id: 'a', value: 2 })).toMatchObject({ offset: 1 });
    expect(await later.publish({ id: 'a', value: 3 })).toMatchObject({ offset: 1, duplicate: true });
    await world.running.service.stopTopic('later');
    await world.running.service.startTopic('later', { dedup: false });
    expect(later.describe()).not.toHaveProperty('dedup');
    expect(await later.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 2 });
    expect(await later.publish({ id: 'a', value: 4 })).toMatchObject({ offset: 3 });
  });

  it('holds in partitions that were added', async () => {
    await world.running.service.addPartitions('orders', 3);
    const first = await world.topic.publish({ id: 'a', value: 1, partition: 2 });
    await world.crash({ partitions: 3 });
    expect(await world.topic.publish({ id: 'a', value: 2, partition: 0 })).toEqual({
      ...first,
      duplicate: true,
    });
  });

  it('keeps at most maxIds ids, the newest, and says how many it forgot', async () => {
    await world.start();
    await world.running.service.startTopic('few', { dedup: { maxIds: 3 } });
    const few = world.running.service.topic('few');
    for (const id of 'abcde') await few.publish({ id, value: id });
    expect((await few.info()).ids).toMatchObject({ ids: 3, forgotten: 2 });
    expect(await few.publish({ id: 'c', value: 'again' })).toMatchObject({ offset: 2, duplicate: true });
    expect(await few.publish({ id: 'b', value: 'again' })).not.toHaveProperty('duplicate');
  });

  it('lets no more repeats wait than ids may be known', async () => {
    await world.running.service.startTopic('few', { dedup: { maxIds: 2 } });
    const gate = deferred();
    world.running.adapter.onWrite = (name) => (name === 'few' ? gate.promise : undefined);
    const few = world.running.service.topic('few');
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
      await expect(world.running.service.startTopic('x', { dedup: dedup as never })).rejects.toThrowError(
        coded('INVALID_CONFIG'),
      );
    }
    await expect(world.running.service.startTopic('orders', { dedup: { windowMs: 5 } })).rejects.toThrowError(
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
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(DedupWorld.WINDOW) }) },
  );

  it('never store an id twice within the window, and never acknowledge what is not stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await world.running.stop();
        const options = { partitions: 2, routing: 'round_robin' } as const;
        await world.begin(options);
        const stored = new Map<string, { at: number; place: string }>();
        const acknowledge = (id: string, { partition, offset, duplicate }: PublishResult) => {
          const before = stored.get(id);
          const known = before !== undefined && world.clock.now() - before.at < DedupWorld.WINDOW;
          expect(duplicate ?? false).toBe(known);
          if (known) expect(`${partition}/${offset}`).toBe(before.place);
          else stored.set(id, { at: world.clock.now(), place: `${partition}/${offset}` });
        };
        for (const one of steps) {
          if (one.do === 'crash') await world.crash(options);
          else if (one.do === 'wait') await world.clock.advance(one.ms);
          else {
            const messages = one.ids.map((n): PublishMessage => ({ id: `id ${n}`, value: n, partition: 0 }));
            if (one.do === 'fail') {
              world.running.adapter.onWrite = (name) => {
                if (name === 'orders') throw new NoSpaceError('the disk');
              };
            }
            if (one.do === 'publish') {
              const results = await Promise.all(messages.map((message) => world.topic.publish(message)));
              results.forEach((result, i) => acknowledge(messages[i]!.id!, result));
            } else {
              const results = await world.topic.publishBatch(messages).catch(() => undefined);
              results?.forEach((result, i) => acknowledge(messages[i]!.id!, result));
            }
            world.running.adapter.onWrite = () => {};
          }
        }
        for (const { place } of stored.values()) {
          const [partition, offset] = place.split('/').map(Number) as [number, number];
          expect(world.topic.partition(partition).endOffset).toBeGreaterThan(offset);
        }
      }),
      { numRuns: 60 },
    );
  });
});
