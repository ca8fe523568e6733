import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type Running, startService } from '../__fixtures__/service.js';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { ManualClock } from '../testing/manual-clock.js';
import type { Partition } from './partition.js';

const HOUR = 3_600_000;
const START = Date.UTC(2000, 0, 1);

describe('the search for a time, where clocks go back', () => {
  let running: Running;
  let disk: MapDisk;
  let clock: ManualClock;
  let partition: Partition;

  async function boot(): Promise<void> {
    running = await startService({ clock, tailCacheBytes: 0 }, disk);
    partition = (await running.service.startTopic('orders')).partition(0);
  }

  async function begin(): Promise<void> {
    disk = new Map();
    clock = new ManualClock(START);
    await boot();
  }

  /** Publishes one message for each of these times, relative to the start, each in its own batch. */
  async function publishAt(...times: number[]): Promise<void> {
    for (const time of times) {
      clock.set(START + time);
      await running.service.publish('orders', { value: 1 });
    }
  }

  /** What the search must find: the first record that is not before the time. */
  async function firstNotBefore(time: number) {
    const { messages } = await partition.readMessages({ offset: partition.startOffset, limit: 10_000 });
    const first = messages.find(({ timestamp }) => timestamp >= START + time);
    return first === undefined ? null : { offset: first.offset, timestamp: first.timestamp };
  }

  const found = (time: number) => partition.offsetForTimestamp(START + time);

  afterEach(() => running.stop());

  it('finds what was published before the clock was set back, and all after it', async () => {
    await begin();
    await publishAt(0, HOUR, 2 * HOUR, 3 * HOUR);
    await publishAt(...Array.from({ length: 20 }, (_, i) => i));

    expect(await found(HOUR + 1)).toEqual({ offset: 2, timestamp: START + 2 * HOUR });
    expect(await found(5)).toEqual({ offset: 1, timestamp: START + HOUR });
    expect(await found(3 * HOUR + 1)).toBeNull();
  });

  it('finds it after a restart, and where the clock was set back meanwhile', async () => {
    await begin();
    await publishAt(0, HOUR, 2 * HOUR);
    await running.stop();
    await boot();
    await publishAt(...Array.from({ length: 20 }, (_, i) => i));
    expect(await found(HOUR)).toEqual({ offset: 1, timestamp: START + HOUR });
    await running.stop();
    await boot();
    expect(await found(HOUR)).toEqual({ offset: 1, timestamp: START + HOUR });
  });

  it('knows how far a batch goes back before it is stored', async () => {
    await begin();
    await publishAt(HOUR);
    const { adapter } = running;
    const writes: string[] = [];
    adapter.onWrite = (topic) => void writes.push(topic);
    await publishAt(0, HOUR - 1, 1, HOUR);
    expect(writes).toEqual(['__genrocks', 'orders', 'orders', 'orders', 'orders']);
    adapter.onWrite = (topic) => (topic === '__genrocks' ? Promise.reject(new Error('full')) : undefined);
    await expect(publishAt(-9 * HOUR)).rejects.toThrow('full');
    expect(partition.endOffset).toBe(5);
  });

  it('finds it in a log that was there before its topic', async () => {
    await begin();
    await publishAt(HOUR, 0, 1, 2, 3, 4, 5);
    await running.stop();
    for (const name of disk.keys()) if (name.startsWith('__genrocks')) disk.delete(name);
    await boot();
    expect(await found(7)).toEqual({ offset: 0, timestamp: START + HOUR });
    await running.stop();
    await boot();
    expect(await found(7)).toEqual({ offset: 0, timestamp: START + HOUR });
  });

  it.each([
    ['while the topic runs', false, false],
    ['while it is stopped', true, false],
    ['while it is stopped, before a restart', true, true],
  ])('finds it in a log that was there before its partition was added %s', async (_, isStopped, restarts) => {
    await begin();
    await publishAt(HOUR, 0, 1, 2, 3, 4, 5);
    const foreign = disk.get('orders:0')!;
    await running.stop();
    disk = new Map();
    await boot();
    await running.stop();
    disk.set('orders:1', foreign);
    await boot();
    const { service } = running;
    expect((await service.systemStatus()).unregistered).toHaveLength(1);
    if (isStopped) await service.stopTopic('orders');
    await service.addPartitions('orders', 2);
    expect((await service.systemStatus()).unregistered).toEqual([]);
    if (restarts) {
      await running.stop();
      await boot();
    }
    partition = (await running.service.startTopic('orders')).partition(1);
    expect(await found(7)).toEqual({ offset: 0, timestamp: START + HOUR });
  });

  it('reads few batches where time goes forward, over restarts and stops', async () => {
    await begin();
    await publishAt(...Array.from({ length: 100 }, (_, i) => i));
    await running.service.stopTopic('orders');
    await running.stop();
    await boot();
    await publishAt(...Array.from({ length: 100 }, (_, i) => 100 + i));
    const reads = running.adapter.reads;
    expect(await found(57)).toMatchObject({ offset: 57 });
    expect(running.adapter.reads - reads).toBeLessThan(25);
  });

  it('finds what a search of every record finds, whatever clocks do', async () => {
    const time = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -5_000, max: 5_000 }));
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('publish' as const), times: fc.array(time) }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('delete' as const),
          part: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 8 }),
        fc.array(time, { minLength: 1 }),
        async (steps, asked) => {
          await begin();
          for (const one of steps) {
            if (one.kind === 'publish') await publishAt(...one.times);
            else if (one.kind === 'restart') {
              await running.stop();
              await boot();
            } else {
              const { startOffset, endOffset } = partition;
              await partition.deleteRecords(startOffset + Math.floor((endOffset - startOffset) * one.part));
            }
          }
          for (const at of asked) expect(await found(at)).toEqual(await firstNotBefore(at));
          await running.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});
