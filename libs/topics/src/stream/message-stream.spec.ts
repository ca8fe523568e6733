import { from, map, take, toArray, lastValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdPage, publishOutOfOrder, type Running, startService } from '../__fixtures__/service.js';
import { coded, settled } from '../__fixtures__/waiting.js';
import type { Message } from '../message.js';
import type { Topic } from '../topic.js';

let running: Running;
let topic: Topic<number>;

beforeEach(async () => {
  running = await startService();
  topic = await running.service.startTopic<number>('orders', { partitions: 3 });
});
afterEach(() => running.stop());

const fill = (count: number, first = 0) =>
  topic.publishBatch(
    Array.from({ length: count }, (_, i) => ({
      value: first + i,
      partition: (first + i) % 3,
      timestamp: (first + i) * 10,
    })),
  );

async function all(messages: AsyncIterable<Message<number>>): Promise<number[]> {
  const values: number[] = [];
  for await (const { value } of messages) values.push(value);
  return values;
}

function expectOrder(values: readonly number[], count: number): void {
  expect(new Set(values).size).toBe(count);
  for (const partition of [0, 1, 2]) {
    const own = values.filter((value) => value % 3 === partition);
    expect(own).toEqual([...own].sort((a, b) => a - b));
  }
}

describe('a topic as a stream', () => {
  it("waits on more partitions than Node's limit of abort listeners, without a warning", async () => {
    const many = await running.service.startTopic<number>('many', { partitions: 12 });
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => warnings.push(message);
    process.on('warning', onWarning);
    const messages = many.messages();
    const first = messages.next();
    await settled();
    await many.publish({ value: 1, partition: 11 });
    expect((await first).value).toMatchObject({ value: 1 });
    await messages.return();
    // Node emits warnings on the next tick.
    await settled();
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });

  it('yields existing messages from a given start, each partition in order', async () => {
    await fill(600);
    expectOrder(await all(topic.messages({ live: false })), 600);
    expect(await all(topic.messages({ live: false, partitions: [1], from: { offset: 198 } }))).toEqual([
      595, 598,
    ]);
    const late = await all(topic.messages({ live: false, from: { timestamp: 5_950 } }));
    expect([...late].sort()).toEqual([595, 596, 597, 598, 599]);
    expect(await all(topic.messages({ live: false, from: 'latest' }))).toEqual([]);
  });

  it('continues with new messages until its signal, its loop or the topic ends it', async () => {
    const abort = new AbortController();
    const reading = all(topic.messages({ signal: abort.signal }));
    await fill(3);
    await settled();
    await fill(3, 3);
    await settled();
    abort.abort();
    expectOrder(await reading, 6);
    for await (const { value } of topic.messages()) if (value === 0) break;
    const ended = all(topic.messages({ from: 'latest' }));
    await settled();
    await running.service.stopTopic('orders');
    expect(await ended).toEqual([]);
    expect(() => topic.messages()).toThrowError(coded('TOPIC_STOPPED'));
  });

  it('is ended by its signal while it searches for its start', async () => {
    await running.stop();
    running = await startService({ tailCacheBytes: 0 });
    topic = await running.service.startTopic<number>('orders');
    const timestamp = await publishOutOfOrder(running);
    const held = holdPage(running);
    const end = new AbortController();
    const ended = all(topic.messages({ from: { timestamp }, signal: end.signal }));
    await held.reached;
    end.abort();
    held.release();
    expect(await ended).toEqual([]);
    expect(held.pages).toBe(1);
  });

  it('reads at most a page ahead', async () => {
    await running.stop();
    running = await startService({ tailCacheBytes: 0 });
    const big = await running.service.startTopic('big');
    for (let i = 0; i < 60; i++) await big.publish({ value: Buffer.alloc(50_000) });
    const { adapter } = running;
    const messages = big.messages();
    await messages.next();
    const { reads } = adapter;
    await settled();
    expect(adapter.reads).toBe(reads);
    for (let i = 1; i < 60; i++) await messages.next();
    expect(adapter.reads).toBeGreaterThan(reads + 5);
    await messages.return();
  });

  it('is a Readable that can be destroyed, and an Observable for all of its operators', async () => {
    await fill(9);
    const readable = topic.toReadable();
    const first = await new Promise<Message<number>>((resolve) => readable.once('data', resolve));
    expect(first.value).toBeTypeOf('number');
    readable.destroy();
    await new Promise((resolve) => readable.once('close', resolve));
    const doubled = from(topic.messages()).pipe(
      map(({ value }) => value * 2),
      take(9),
      toArray(),
    );
    expect([...(await lastValueFrom(doubled))].sort((a, b) => a - b)).toEqual([
      0, 2, 4, 6, 8, 10, 12, 14, 16,
    ]);
  });

  it('refuses invalid options', () => {
    expect(() => topic.messages({ partitions: [7] })).toThrowError(coded('PARTITION_NOT_FOUND'));
    expect(() => topic.messages({ live: 'no' as never })).toThrowError(coded('INVALID_MESSAGE'));
  });
});
