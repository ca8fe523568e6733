import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { coded } from './__fixtures__/waiting.js';
import { checkCrc, COMPRESSIONS, readBatchHeader } from './records/batch-header.js';
import { validateBatch } from './records/batch-reader.js';

const PACKED = COMPRESSIONS.filter((compression) => compression !== 'none');

let disk: MapDisk;
let running: Running;

beforeEach(async () => {
  disk = new Map();
  running = await startService({}, disk);
});
afterEach(() => running.stop());

const value = (i: number) => ({ id: i, text: 'the same over and over '.repeat(20) });

describe('a topic with compression', () => {
  it.each(PACKED)(
    'stores its batches packed with %s, with offsets and order as ever',
    async (compression) => {
      const topic = await running.service.startTopic('orders', { compression });
      expect(topic.describe().compression).toBe(compression);
      const messages = Array.from({ length: 200 }, (_, i) => ({
        key: `k${i}`,
        value: value(i),
        headers: { i: `${i}` },
      }));
      const results = await topic.publishBatch(messages);
      expect(results.map(({ offset }) => offset)).toEqual(messages.map((_, i) => i));
      await Promise.all(messages.map((message) => topic.publish(message)));
      const { batches } = await topic.partition(0).readBatches({ offset: 0 });
      for (const batch of batches) {
        expect(readBatchHeader(batch).compression).toBe(compression);
        checkCrc(batch);
        validateBatch(batch);
      }
      expect(batches.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(80_000);
      await running.stop();
      running = await startService({ tailCacheBytes: 0 }, disk);
      const again = running.service.topic<{ id: number }>('orders');
      const read = await again.partition(0).readMessages({ offset: 150, limit: 100 });
      expect(read.messages.map(({ offset, key, headers }) => [offset, key, headers['i']])).toEqual(
        Array.from({ length: 100 }, (_, i) => [150 + i, `k${(150 + i) % 200}`, `${(150 + i) % 200}`]),
      );
      await again.publish({ value: value(1) });
      expect(again.partition(0).endOffset).toBe(401);
    },
  );

  it('leaves batches alone that it would make larger, and those that arrive packed', async () => {
    const topic = await running.service.startTopic('orders', { compression: 'gzip' });
    await topic.publish({ value: 1 });
    const { batches } = await topic.partition(0).readBatches({ offset: 0 });
    expect(readBatchHeader(batches[0]!).compression).toBe('none');
    const plain = await running.service.startTopic('plain');
    await plain.publish({ value: value(1) });
    const [came] = (await plain.partition(0).readBatches({ offset: 0 })).batches;
    await topic.partition(0).append(came!);
    const [stored] = (await topic.partition(0).readBatches({ offset: 1 })).batches;
    expect(stored!.subarray(8)).toEqual(came!.subarray(8));
  });

  it('is refused if not available, and does not change while the topic runs', async () => {
    const { service } = running;
    await expect(service.startTopic('x', { compression: 'zip' as never })).rejects.toThrowError(
      coded('INVALID_CONFIG'),
    );
    await service.startTopic('orders');
    await expect(service.startTopic('orders', { compression: 'gzip' })).rejects.toThrowError(
      coded('TOPIC_EXISTS'),
    );
    await service.stopTopic('orders');
    expect((await service.startTopic('orders', { compression: 'gzip' })).describe().compression).toBe('gzip');
  });
});
