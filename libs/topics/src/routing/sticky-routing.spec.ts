import { afterEach, beforeEach, expect, it } from 'vitest';
import { holdWrite, type Running, startService } from '../__fixtures__/service.js';
import { settled } from '../__fixtures__/waiting.js';
import type { Topic } from '../topic.js';
import { STICKY_BYTES } from './sticky-turn.js';

let running: Running;
let topic: Topic;

beforeEach(async () => {
  running = await startService();
  topic = await running.service.startTopic('orders', { partitions: 6, routing: 'sticky' });
});
afterEach(() => running.stop());

const batches = async () => {
  const { partitions } = await topic.info();
  return partitions.map(({ published }) => published.batches);
};

it('messages published together without keys are one batch, and the next goes to another partition', async () => {
  const rounds: Set<number>[] = [];
  for (let round = 0; round < 12; round++) {
    const results = await Promise.all(Array.from({ length: 50 }, () => topic.publish({ value: 'x' })));
    rounds.push(new Set(results.map(({ partition }) => partition)));
    await settled();
  }
  expect(rounds.map(({ size }) => size)).toEqual(rounds.map(() => 1));
  expect(topic.partitions.map(({ endOffset }) => endOffset)).toEqual([100, 100, 100, 100, 100, 100]);
  expect(await batches()).toEqual([2, 2, 2, 2, 2, 2]);
});

it('messages published during a write gather behind it', async () => {
  const held = holdWrite(running);
  const first = topic.publish({ value: 1 });
  await held.reached;
  const later: Promise<{ partition: number }>[] = [];
  for (let i = 0; i < 20; i++) {
    later.push(topic.publish({ value: i }));
    await Promise.resolve();
  }
  held.release();
  const { partition } = await first;
  expect(new Set((await Promise.all(later)).map((one) => one.partition))).toEqual(new Set([partition]));
  expect((await batches())[partition]).toBe(2);
});

it('a large call is cut after 64 KiB; messages do not stay with a partition that does not write', async () => {
  const held = holdWrite(running);
  const value = Buffer.alloc(1_000);
  const results = topic.publishBatch(Array.from({ length: 600 }, () => ({ value })));
  await held.reached;
  held.release();
  await results;
  const ends = topic.partitions.map(({ endOffset }) => endOffset);
  expect(Math.max(...ends) - Math.min(...ends)).toBeLessThanOrEqual(Math.ceil(STICKY_BYTES / 1_000) + 1);
});

it('is kept across restarts, described, and can be chosen for a stopped topic', async () => {
  expect(topic.describe().routing).toBe('sticky');
  await running.service.startTopic('plain', { partitions: 2 });
  await running.service.stopTopic('plain');
  const plain = await running.service.startTopic('plain', { routing: 'sticky' });
  expect(plain.describe().routing).toBe('sticky');
});
