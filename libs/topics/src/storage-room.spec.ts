import { LogFullError, NoSpaceError } from '@genrocks/storage';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Running, startService } from './__fixtures__/service.js';
import { coded } from './__fixtures__/waiting.js';
import { ManualClock } from './testing/manual-clock.js';
import type { Topic } from './topic.js';

let clock: ManualClock;
let running: Running;
let topic: Topic;
const told: unknown[] = [];

beforeEach(async () => {
  told.length = 0;
  clock = new ManualClock();
  running = await startService({ clock });
  const { events } = running.service;
  events.on('storage-full', ({ adapter, error }) => void told.push(['full', adapter, error]));
  events.on('storage-has-room', (event) => void told.push(event));
  topic = await running.service.startTopic('orders');
});
afterEach(() => running.stop());

const fill = (isFull: boolean) => {
  running.adapter.onWrite = (name) => {
    if (isFull) throw new NoSpaceError(`${name}/0`, new Error('ENOSPC'));
  };
};
const refused = async () => {
  await expect(topic.publish({ value: 1 })).rejects.toEqual(coded('NO_SPACE'));
};

it('a full device is reported once, and its having room again once', async () => {
  fill(true);
  for (let i = 0; i < 5; i++) await refused();
  expect(told).toEqual([['full', 'map', coded('NO_SPACE')]]);
  await clock.advance(10_000);
  fill(false);
  await topic.publish({ value: 1 });
  await topic.publish({ value: 1 });
  expect(told.slice(1)).toEqual([{ adapter: 'map', refusals: 5, ms: 10_000 }]);
  fill(true);
  await refused();
  expect(told).toHaveLength(3);
});

it('small writes that succeed between refused ones emit neither event', async () => {
  fill(true);
  await refused();
  for (let i = 0; i < 3; i++) {
    await clock.advance(4_999);
    fill(false);
    await topic.publish({ value: 1 });
    fill(true);
    await refused();
  }
  expect(told).toHaveLength(1);
  fill(false);
  await clock.advance(5_000);
  await topic.publish({ value: 1 });
  expect(told[1]).toMatchObject({ refusals: 4 });
});

it('other failures are not about room', async () => {
  running.adapter.onWrite = () => Promise.reject(new Error('io'));
  await expect(topic.publish({ value: 1 })).rejects.toThrow('io');
  expect(told).toEqual([]);
});

it('every failed write is emitted, as new once a minute for each code', async () => {
  const failures: unknown[] = [];
  running.service.events.on('write-failed', ({ adapter, code, isNew }) => {
    failures.push([adapter, code, isNew]);
  });
  fill(true);
  await refused();
  running.adapter.onWrite = () => Promise.reject(new LogFullError('orders/0', 2, 1));
  const append = () => expect(topic.publish({ value: 1 })).rejects.toEqual(coded('LOG_FULL'));
  await append();
  await append();
  await clock.advance(60_000);
  await append();
  expect(failures).toEqual([
    ['map', 'NO_SPACE', true],
    ['map', 'LOG_FULL', true],
    ['map', 'LOG_FULL', false],
    ['map', 'LOG_FULL', true],
  ]);
});

it("a refused write of the service's own state counts as any other", async () => {
  fill(true);
  await expect(running.service.startTopic('other')).rejects.toEqual(coded('NO_SPACE'));
  expect(told).toEqual([['full', 'map', coded('NO_SPACE')]]);
});
