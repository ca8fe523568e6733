import { afterEach, beforeEach, expect, it } from 'vitest';
import { holdWrite, type Running, startService } from '../__fixtures__/service.js';
import { coded, settled } from '../__fixtures__/waiting.js';
import type { Topic } from '../topic.js';

let running: Running;
let topic: Topic;

beforeEach(async () => {
  running = await startService({ maxPendingBytes: 256 * 1024 });
  topic = await running.service.startTopic('orders');
});
afterEach(() => running.stop());

it('batches that came packed wait for room in their order, then are refused; what was taken is stored', async () => {
  const partition = topic.partition(0);
  await topic.publish({ value: 'x'.repeat(9_000) });
  const packed = (await partition.readBatches({ offset: 0 })).batches[0]!;
  const hold = holdWrite(running);

  const taken: Promise<{ readonly baseOffset: number }>[] = [partition.append(packed)];
  await hold.reached;
  let refused: unknown;
  while (refused === undefined) {
    const attempt = partition.append(packed);
    taken.push(attempt);
    // A refusal settles at once; publishes that wait for the held write do not.
    refused = await Promise.race([attempt.catch((error: unknown) => error), settled()]);
  }
  await expect(taken.pop()).rejects.toThrowError(coded('BACKPRESSURE'));
  expect(refused).toMatchObject({ retriable: true });
  // A quarter of maxPendingBytes is being written, and as much is waiting.
  expect(taken.length).toBeGreaterThan(10);
  expect((await partition.info()).pendingBytes).toBeLessThanOrEqual(128 * 1024);

  // Messages published now queue behind the waiting ones.
  const last = topic.publish({ value: 'last' });
  hold.release();
  const offsets = (await Promise.all(taken)).map(({ baseOffset }) => baseOffset);
  expect(offsets).toEqual(taken.map((_, i) => i + 1));
  expect((await last).offset).toBe(taken.length + 1);
  expect((await partition.info()).pendingBytes).toBe(0);
  expect((await partition.append(packed)).baseOffset).toBe(taken.length + 2);
});
