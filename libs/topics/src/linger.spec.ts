import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Running, startService } from './__fixtures__/service.js';
import { coded, settled } from './__fixtures__/waiting.js';
import { ManualClock } from './testing/manual-clock.js';
import type { Topic } from './topic.js';

let clock: ManualClock;
let running: Running;
let topic: Topic;

beforeEach(async () => {
  clock = new ManualClock();
  running = await startService({ clock, maxBatchBytes: 20_000, maxPendingBytes: 256 * 1024 });
  topic = await running.service.startTopic('orders', { lingerMs: 50 });
});
afterEach(() => running.stop());

const batches = async () => (await topic.partition(0).readBatches({ offset: 0 })).batches.length;
const isStored = async (publish: Promise<unknown>) =>
  (await Promise.race([publish, settled()])) !== undefined;

describe('a topic with lingerMs', () => {
  it('packs messages that come within that time of the first into one batch', async () => {
    const publishes = [topic.publish({ value: 0 })];
    await clock.untilSleeping();
    await clock.advance(30);
    publishes.push(topic.publish({ value: 1 }), topic.publish({ value: 2 }));
    await clock.advance(19);
    expect(topic.partition(0).endOffset).toBe(0);
    await clock.advance(1);
    expect((await Promise.all(publishes)).map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(await batches()).toBe(1);
    const next = topic.publish({ value: 3 });
    expect(await isStored(next)).toBe(false);
    await clock.advance(50);
    await next;
    expect(await batches()).toBe(2);
  });

  it("waits no longer if the machine's clock is set back meanwhile", async () => {
    const publish = topic.publish({ value: 0 });
    await clock.untilSleeping();
    clock.set(0);
    await clock.advance(50);
    expect(await isStored(publish)).toBe(true);
  });

  it('does not wait when a batch is full', async () => {
    const full = Array.from({ length: 5 }, (_, i) => topic.publish({ value: Buffer.alloc(6_000, i) }));
    await Promise.all(full); // the second batch goes with it: it costs no write of its own
    expect(await batches()).toBe(2);
  });

  it('does not wait before a ready-made batch, sync, truncate, or when room is short', async () => {
    await running.service.startTopic('plain');
    await running.service.publish('plain', { value: 1 });
    const plain = await running.service.topic('plain').partition(0).readBatches({ offset: 0 });
    const first = topic.publish({ value: 1 });
    await topic.partition(0).append(plain.batches[0]!);
    await first;
    const second = topic.publish({ value: 2 });
    await topic.sync();
    await second;
    const third = topic.publish({ value: 3 });
    await topic.truncate();
    await third;
    const many = Array.from({ length: 15 }, () => topic.publishBatch([{ value: Buffer.alloc(6_000) }]));
    while ((await Promise.race([Promise.all(many), settled()])) === undefined) await clock.advance(50);
    expect(topic.partition(0).endOffset).toBe(19);
  });

  it('stores waiting messages when it stops', async () => {
    const publish = topic.publish({ value: 1 });
    await clock.untilSleeping();
    await running.service.stopTopic('orders');
    await publish;
    expect(clock.sleeping).toBe(0);
  });

  it('keeps it across restarts, turns off with 0, and refuses invalid values', async () => {
    const { service } = running;
    expect(topic.describe().lingerMs).toBe(50);
    await expect(service.startTopic('orders', { lingerMs: 5 })).rejects.toThrowError(coded('TOPIC_EXISTS'));
    await service.stopTopic('orders');
    await service.startTopic('orders', { lingerMs: 0 });
    await topic.publish({ value: 1 });
    for (const lingerMs of [-1, 1.5, 60_001, '5']) {
      await expect(service.startTopic('x', { lingerMs: lingerMs as number })).rejects.toThrowError(
        coded('INVALID_CONFIG'),
      );
    }
  });
});
