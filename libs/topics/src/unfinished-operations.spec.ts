import { StorageIoError } from '@genrocks/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { RejectMessage } from './delivery-errors.js';

const MESSAGES = 450;
const PARTITIONS = 1_100;
/** More writes than any operation here makes. */
const ENOUGH = 100;

let disk: MapDisk;
let running: Running;

const boot = async () => void (running = await startService({ maxPartitionsPerTopic: PARTITIONS }, disk));

beforeEach(async () => {
  disk = new Map();
  await boot();
});
afterEach(() => running.stop());

/** Ends the process before the write of this number: nothing from there on is stored, and a new service starts. */
async function endsBefore(write: number, work: () => Promise<unknown>): Promise<'ended' | 'complete'> {
  let writes = 0;
  running.adapter.onWrite = () => {
    if (++writes >= write) throw new StorageIoError('the process is gone');
  };
  await work().catch(() => {});
  await running.stop();
  await boot();
  return writes >= write ? 'ended' : 'complete';
}

/** Repeats the operation, ending right before each of its writes in turn, and checks; then once without an end. */
async function atEveryWrite(look: (write: number) => Promise<'ended' | 'complete'>): Promise<void> {
  let write = 1;
  while ((await look(write)) === 'ended') {
    expect(++write).toBeLessThan(ENOUGH);
    await running.stop();
    disk = new Map();
    await boot();
  }
  expect(write).toBeGreaterThan(2);
}

async function buryAll(): Promise<void> {
  const { service } = running;
  const values = Array.from({ length: MESSAGES }, (_, value) => value);
  const group = await service.startConsumerGroup({
    group: 'g',
    topics: ['orders'],
    handler: () => {
      throw new RejectMessage('not today');
    },
  });
  const all = new Promise<void>((resolve) => {
    let buried = 0;
    service.events.on('dead-letter', () => void (++buried === MESSAGES && resolve()));
  });
  await service.publishBatch(
    'orders',
    values.map((value) => ({ value })),
  );
  await all;
  await group.stop();
}

async function returned(): Promise<unknown[]> {
  const { messages } = await running.service
    .topic('orders')
    .partition(0)
    .readMessages({ offset: MESSAGES, limit: 10 * MESSAGES });
  return messages.map(({ value }) => value);
}

describe('when the process ends in the middle', () => {
  it('a redrive is completed by repeating it: all are back, those of its last page perhaps twice', async () => {
    await atEveryWrite(async (write) => {
      await buryAll();
      const ended = await endsBefore(write, () => running.service.deadLetters.redrive('orders.dlq'));
      const before = await returned();
      const { redriven } = await running.service.deadLetters.redrive('orders.dlq');
      const after = await returned();
      expect(new Set(after)).toEqual(new Set(Array.from({ length: MESSAGES }, (_, value) => value)));
      expect(after.length).toBe(before.length + redriven);
      expect(after.length - MESSAGES).toBeLessThanOrEqual(200);
      expect(await running.service.deadLetters.redrive('orders.dlq')).toEqual({
        redriven: 0,
        skipped: 0,
        problems: [],
      });
      return ended;
    });
  });

  it('a reset of a group is completed by repeating it: until then each offset is the old or the new one', async () => {
    await atEveryWrite(async (write) => {
      const { service } = running;
      const topic = await service.startTopic('wide', { partitions: PARTITIONS, routing: 'round_robin' });
      await topic.publishBatch(Array.from({ length: PARTITIONS }, (_, value) => ({ value })));
      const commits = topic.partitions.map(({ index }) => ({ topic: 'wide', partition: index, offset: 1 }));
      await service.groups.commitOffsets('g', commits);
      const reset = () => running.service.groups.resetOffsets('g', { to: 'earliest' });
      const offsets = async () => {
        const { offsets: all } = await running.service.groups.describe('g');
        return new Set(all.map(({ committed }) => committed));
      };
      const ended = await endsBefore(write, reset);
      for (const offset of await offsets()) expect([0, 1]).toContain(offset);
      await reset();
      expect(await offsets()).toEqual(new Set([0]));
      return ended;
    });
  });
});
