import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { type Running, startService } from '../__fixtures__/service.js';
import { Collector, coded } from '../__fixtures__/waiting.js';
import { RejectMessage } from '../delivery-errors.js';
import type { Message } from '../message.js';
import { OffsetRanges } from './offset-ranges.js';

let disk: MapDisk;
let running: Running;
let now = 1_000;
const clock = { monotonic: () => 0, now: () => now, sleep: async () => {} };

const boot = async () => void (running = await startService({ clock }, disk));

beforeEach(async () => {
  disk = new Map();
  now = 1_000;
  await boot();
});
afterEach(() => running.stop());

const letters = () => running.service.deadLetters;

/** Makes a group give up on these messages, one millisecond apart. */
async function bury(...messages: { key?: string; value: unknown }[]): Promise<void> {
  const { service } = running;
  const buried = new Collector<unknown>();
  const count = (event: unknown) => void buried.push(event);
  service.events.on('dead-letter', count);
  const group = await service.startConsumerGroup({
    group: 'g',
    topics: ['orders'],
    handler: () => {
      now++;
      throw new RejectMessage('not today');
    },
  });
  await service.publishBatch('orders', messages);
  await buried.atLeast(messages.length);
  await group.stop();
  service.events.off('dead-letter', count);
}

async function returned(from = 0): Promise<Message[]> {
  const partition = running.service.topic('orders').partition(0);
  return (await partition.readMessages({ offset: from })).messages;
}

describe('dead letters', () => {
  it('in a partition that could not be opened are not passed over silently, nor do they stop the others', async () => {
    const { service } = running;
    await service.startTopic('orders.dlq', { partitions: 2 });
    await bury(...Array.from({ length: 10 }, (_, i) => ({ key: `key-${i}`, value: i })));
    const healthy = service.topic('orders.dlq').partition(1).endOffset;
    expect(healthy).toBeGreaterThan(0);
    await running.stop();
    disk.get('orders.dlq:0')!.set('not a partition', Buffer.from('x'));
    await boot();
    await expect(letters().list('orders.dlq')).rejects.toThrowError(coded('PARTITION_UNAVAILABLE'));
    const { redriven, problems } = await letters().redrive('orders.dlq');
    expect(redriven).toBe(healthy);
    expect(problems).toEqual([expect.objectContaining({ partition: 0, code: 'PARTITION_UNAVAILABLE' })]);
  });

  it('are listed with why, where from and when', async () => {
    await bury({ key: 'a', value: 1 }, { key: 'b', value: 2 });
    const [first, second] = await letters().list('orders.dlq');
    expect(first).toMatchObject({
      kind: 'message',
      reason: 'not today',
      error: 'MESSAGE_REJECTED',
      topic: 'orders',
      partition: 0,
      offset: 0,
      group: 'g',
      attempts: 1,
      redrives: 0,
      redriven: false,
    });
    expect(first!.message.value).toBe(1);
    expect(second!.firstFailedAt).toBe(1_002);
    expect(await letters().list('orders.dlq', { limit: 1 })).toHaveLength(1);
    await expect(letters().list('none.dlq')).rejects.toThrowError(coded('TOPIC_NOT_FOUND'));
  });

  it('are put back as they were, and only once, also after a restart', async () => {
    await bury({ key: 'a', value: 1 }, { value: 2 });
    expect(await letters().redrive('orders.dlq', { dryRun: true })).toEqual({
      redriven: 2,
      skipped: 0,
      problems: [],
    });
    expect(await returned(2)).toEqual([]);
    expect(await letters().redrive('orders.dlq')).toEqual({ redriven: 2, skipped: 0, problems: [] });
    expect((await returned(2)).map(({ key, value, headers }) => [key, value, headers])).toEqual([
      ['a', 1, { 'genrocks-redrives': '1' }],
      [null, 2, { 'genrocks-redrives': '1' }],
    ]);
    await running.stop();
    await boot();
    expect(await letters().redrive('orders.dlq')).toEqual({ redriven: 0, skipped: 0, problems: [] });
    await bury({ value: 3 });
    expect((await letters().list('orders.dlq')).map(({ redriven }) => redriven)).toContain(false);
  });

  it.each([
    [{ key: 'a' }, [1, 3]],
    [{ since: 1_003 }, [3, 4]],
    [{ until: 1_003 }, [1, 2]],
    [{ key: 'a', since: 1_002 }, [3]],
    [{ limit: 3 }, [1, 2, 3]],
    [{ group: 'other' }, []],
  ])('are chosen by %j', async (filter, expected) => {
    await bury(
      { key: 'a', value: 1 },
      { key: 'b', value: 2 },
      { key: 'a', value: 3 },
      { key: 'b', value: 4 },
    );
    expect((await letters().redrive('orders.dlq', filter)).redriven).toBe(expected.length);
    expect((await returned(4)).map(({ value }) => value)).toEqual(expected);
    expect((await letters().redrive('orders.dlq')).redriven).toBe(4 - expected.length);
  });

  it('count their returns, and may go elsewhere', async () => {
    await bury({ value: 1 });
    await letters().redrive('orders.dlq');
    const buried = new Collector<unknown>();
    running.service.events.on('dead-letter', (event) => void buried.push(event));
    const group = await running.service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      retry: false,
      handler: () => Promise.reject(new Error('again')),
    });
    await buried.atLeast(1);
    await group.stop();
    expect((await letters().list('orders.dlq')).map(({ redrives }) => redrives)).toEqual([0, 1]);
    await running.service.startTopic('elsewhere');
    await letters().redrive('orders.dlq', { to: 'elsewhere' });
    expect(running.service.topic('elsewhere').partition(0).endOffset).toBe(1);
    await expect(letters().redrive('orders.dlq', { to: 'nowhere' })).resolves.toEqual({
      redriven: 0,
      skipped: 0,
      problems: [],
    });
  });
});

describe('OffsetRanges', () => {
  it('is a set of offsets', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40)), fc.nat(40), (offsets, start) => {
        const model = new Set(offsets);
        const ranges = new OffsetRanges();
        for (const offset of offsets) ranges.add(offset);
        const copy = new OffsetRanges(ranges.toJSON());
        for (let offset = 0; offset < 45; offset++) expect(copy.has(offset)).toBe(model.has(offset));
        const runs = ranges.toJSON();
        for (let i = 1; i < runs.length; i++) expect(runs[i]![0]).toBeGreaterThan(runs[i - 1]![1]);
        ranges.cut(start);
        for (let offset = start; offset < 45; offset++) expect(ranges.has(offset)).toBe(model.has(offset));
      }),
    );
  });
});
