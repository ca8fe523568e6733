import { NoSpaceError, StorageIoError, SyncFailedError } from '@genrocks/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdWrite, type Running, startService } from '../__fixtures__/service.js';
import { coded, settled } from '../__fixtures__/waiting.js';
import { PartiallyPublishedError } from '../errors.js';
import type { Topic } from '../topic.js';

let running: Running;
let topic: Topic;

beforeEach(async () => {
  running = await startService({
    maxMessageBytes: 10_000,
    maxBatchBytes: 20_000,
    maxPendingBytes: 256 * 1024,
  });
  topic = await running.service.startTopic('orders', { partitions: 2 });
});
afterEach(() => running.stop());

const values = async (partition = 0, offset = 0) =>
  (await topic.partition(partition).readMessages({ offset })).messages.map(({ value }) => value);

describe('publishing', () => {
  it('answers topic, partition, offset and timestamp, and stores every part of a message', async () => {
    const result = await topic.publish({
      key: 'k',
      value: { n: 1 },
      headers: { text: 'x', bytes: Uint8Array.of(0xff) },
      metadata: { source: 'spec' },
      partition: 1,
      timestamp: 123,
    });
    expect(result).toEqual({ topic: 'orders', partition: 1, offset: 0, timestamp: 123 });
    const { messages } = await topic.partition(1).readMessages({ offset: 0 });
    const message = messages[0]!;
    expect(message).toMatchObject({ topic: 'orders', partition: 1, offset: 0, timestamp: 123, key: 'k' });
    expect(message.value).toEqual({ n: 1 });
    expect(message.headers).toEqual({ text: 'x', bytes: '\ufffd' });
    expect(message.headerBytes.map(([name]) => name)).toEqual(['text', 'bytes', 'genrocks-metadata']);
    expect(message.headerBytes[1]![1]).toEqual(Buffer.of(0xff));
    expect(message.metadata).toEqual({ source: 'spec' });
    expect(message.keyBytes).toEqual(Buffer.from('k'));
    expect(message.valueBytes).toEqual(Buffer.from('{"n":1}'));
  });

  it('passes bytes as they are, and null as a tombstone', async () => {
    await topic.publish({ value: Uint8Array.of(1, 2), partition: 0 });
    await topic.publish({ key: null, value: null, partition: 0 });
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(messages[0]!.valueBytes).toEqual(Buffer.of(1, 2));
    expect(() => messages[0]!.value).toThrowError(coded('CODEC_FAILED'));
    expect(messages[1]!.value).toBeNull();
    expect(messages[1]!.valueBytes).toBeNull();
    expect(messages[1]!.key).toBeNull();
  });

  it('keeps what was published when the caller changes its buffers', async () => {
    const hold = holdWrite(running);
    const value = Buffer.from('before');
    const first = topic.publish({ value, partition: 0 });
    value.fill('x');
    await hold.reached;
    hold.release();
    await first;
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(messages[0]!.valueBytes!.toString()).toBe('before');
    messages[0]!.valueBytes!.fill('y');
    const again = await topic.partition(0).readMessages({ offset: 0 });
    expect(again.messages[0]!.valueBytes!.toString()).toBe('before');
  });

  it('packs what waits into one write, in the order of the calls', async () => {
    const hold = holdWrite(running);
    const first = topic.publish({ value: 0, partition: 0 });
    await hold.reached;
    const before = running.adapter.writes;
    const rest = Array.from({ length: 50 }, (_, i) => topic.publish({ value: i + 1, partition: 0 }));
    hold.release();
    const results = await Promise.all([first, ...rest]);
    expect(running.adapter.writes).toBe(before + 1);
    expect(results.map(({ offset }) => offset)).toEqual(Array.from({ length: 51 }, (_, i) => i));
    expect(await values()).toEqual(Array.from({ length: 51 }, (_, i) => i));
  });

  it('shows a message to readers only when its write has resolved', async () => {
    const hold = holdWrite(running);
    const publish = topic.publish({ value: 1, partition: 0 });
    await hold.reached;
    const { messages, endOffset } = await topic.partition(0).readMessages({ offset: 0 });
    expect([messages.length, endOffset]).toEqual([0, 0]);
    hold.release();
    await publish;
    expect(await values()).toEqual([1]);
  });

  it('tells of what the codec of an application throws as of any other codec', async () => {
    const even = {
      name: 'even',
      encode(value: unknown): Uint8Array {
        if ((value as number) % 2 !== 0) throw new TypeError('odd');
        return Buffer.of(value as number);
      },
      decode(bytes: Buffer): unknown {
        if (bytes[0]! % 2 !== 0) throw new RangeError('odd');
        return bytes[0];
      },
    };
    const numbers = await running.service.startTopic('numbers', { codec: even });
    expect(numbers.describe().codec).toBe('even');
    await expect(numbers.publish({ value: 3 })).rejects.toMatchObject({
      code: 'CODEC_FAILED',
      message: 'the codec "even" cannot encode this value: odd',
      cause: new TypeError('odd'),
    });
    await numbers.publishBatch([{ value: 4 }, { value: Buffer.of(5) }]);
    const { messages } = await numbers.partition(0).readMessages({ offset: 0 });
    expect(messages[0]!.value).toBe(4);
    expect(() => messages[1]!.value).toThrowError(coded('CODEC_FAILED'));
  });

  it('refuses what cannot be a message', async () => {
    const bad: [unknown, string][] = [
      [undefined, 'INVALID_MESSAGE'],
      [{ value: undefined }, 'CODEC_FAILED'],
      [{ value: 1n }, 'CODEC_FAILED'],
      [{ value: 1, key: 5 }, 'INVALID_MESSAGE'],
      [{ value: 1, headers: { a: 5 } }, 'INVALID_MESSAGE'],
      [{ value: 1, headers: { 'genrocks-metadata': 'x' } }, 'INVALID_MESSAGE'],
      [{ value: 1, metadata: [] }, 'INVALID_MESSAGE'],
      [{ value: 1, timestamp: -1 }, 'INVALID_MESSAGE'],
      [{ value: 1, timestamp: 1e300 }, 'INVALID_MESSAGE'],
      [{ value: 1, partition: 2 }, 'PARTITION_NOT_FOUND'],
      [{ value: 1, partition: -1 }, 'PARTITION_NOT_FOUND'],
      [{ value: Buffer.alloc(10_001) }, 'MESSAGE_TOO_LARGE'],
    ];
    for (const [message, code] of bad) {
      await expect(topic.publish(message as never)).rejects.toThrowError(coded(code));
      await expect(topic.publishBatch([{ value: 'good' }, message as never])).rejects.toThrowError(
        coded(code),
      );
    }
    expect((await topic.info()).partitions.map(({ endOffset }) => endOffset)).toEqual([0, 0]);
    expect((await topic.publish({ value: Buffer.alloc(10_000) })).offset).toBe(0);
  });

  it('keeps a header named __proto__ as a header', async () => {
    await topic.publish({ value: 1, partition: 0, headers: { ['__proto__']: 'x' } });
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(Object.getOwnPropertyNames(messages[0]!.headers)).toEqual(['__proto__']);
  });
});

describe('a packed batch that its caller gives away', () => {
  it('is stored as it came, and copied where it is a small part of its memory', async () => {
    await topic.publish({ value: 'first', partition: 0 });
    const { batches } = await topic.partition(0).readBatches({ offset: 0 });
    const alone = Buffer.alloc(batches[0]!.length);
    batches[0]!.copy(alone);
    const memory = Buffer.alloc(64 * 1024);
    const part = memory.subarray(100, 100 + alone.length);
    alone.copy(part);
    expect(await topic.partition(0).append(alone, { lent: true })).toMatchObject({ baseOffset: 1 });
    expect(await topic.partition(0).append(part, { lent: true })).toMatchObject({ baseOffset: 2 });
    memory.fill(0);
    expect(await values()).toEqual(['first', 'first', 'first']);
  });
});

describe('publishBatch', () => {
  it('answers in the order of the call, whatever partitions the messages go to', async () => {
    const messages = Array.from({ length: 100 }, (_, i) => ({ value: i, partition: i % 2, timestamp: i }));
    const results = await topic.publishBatch(messages);
    expect(results).toEqual(
      messages.map(({ partition, timestamp }, i) => ({
        topic: 'orders',
        partition,
        offset: i >> 1,
        timestamp,
      })),
    );
    expect(await topic.publishBatch([])).toEqual([]);
  });

  it('stores what is larger than a record batch in one write, whole or not at all', async () => {
    const batch = Array.from({ length: 30 }, (_, i) => ({ value: Buffer.alloc(3_000, i), partition: 0 }));
    const before = running.adapter.writes;
    await topic.publishBatch(batch);
    expect(running.adapter.writes).toBe(before + 1);
    const { batches } = await topic.partition(0).readBatches({ offset: 0 });
    expect(batches.length).toBeGreaterThan(4);
    for (const one of batches) expect(one.length).toBeLessThanOrEqual(20_000);

    running.adapter.onWrite = () => {
      throw new NoSpaceError('the disk');
    };
    await expect(topic.publishBatch(batch)).rejects.toThrowError(coded('NO_SPACE'));
    expect(topic.partition(0).endOffset).toBe(30);
  });

  it('uses up no offsets for writes that were refused before anything was stored, and does for those in doubt', async () => {
    const failing = async (...details: [{ nothingStored: true }?]) => {
      running.adapter.onWrite = () => {
        throw new StorageIoError('EACCES', undefined, false, ...details);
      };
      for (let i = 0; i < 3; i++)
        await expect(topic.publish({ value: i, partition: 0 })).rejects.toThrowError(coded('IO_ERROR'));
      running.adapter.onWrite = () => {};
      return (await topic.publish({ value: 'stored', partition: 0 })).offset;
    };
    expect(await failing({ nothingStored: true })).toBe(0);
    expect(await failing()).toBe(4);
  });

  it('tells which part was stored where only some partitions failed', async () => {
    running.adapter.onWrite = (_topic, partition) => {
      if (partition === 1) throw new NoSpaceError('the disk');
    };
    const call = topic.publishBatch(
      [0, 1, 0].map((partition) => ({ value: partition, partition, timestamp: 9 })),
    );
    const error = (await call.catch((reason: unknown) => reason)) as PartiallyPublishedError;
    expect(error).toBeInstanceOf(PartiallyPublishedError);
    expect(error.code).toBe('PARTIALLY_PUBLISHED');
    expect(error.results).toEqual([
      { topic: 'orders', partition: 0, offset: 0, timestamp: 9 },
      undefined,
      { topic: 'orders', partition: 0, offset: 1, timestamp: 9 },
    ]);
  });
});

describe('a write that fails', () => {
  it('fails its own publishers only, and gives its offsets again when surely nothing was stored', async () => {
    const hold = holdWrite(running);
    const lost = topic.publish({ value: 'lost', partition: 0 });
    await hold.reached;
    const next = topic.publish({ value: 'next', partition: 0 });
    hold.fail(new NoSpaceError('the disk'));
    await expect(lost).rejects.toThrowError(coded('NO_SPACE'));
    expect((await next).offset).toBe(0);
    expect(await values()).toEqual(['next']);
    expect((await topic.info()).partitions[0]!.published).toMatchObject({ messages: 1, failed: 1 });
  });

  it('leaves its offsets unused where the write may still come to light', async () => {
    await topic.publish({ value: 'first', partition: 0 });
    const hold = holdWrite(running);
    const lost = topic.publishBatch([1, 2, 3].map((value) => ({ value, partition: 0 })));
    await hold.reached;
    hold.fail(new SyncFailedError('the disk'));
    await expect(lost).rejects.toThrowError(coded('SYNC_FAILED'));
    expect((await topic.publish({ value: 'next', partition: 0 })).offset).toBe(4);
    for (const offset of [1, 2, 3, 4]) expect(await values(0, offset)).toEqual(['next']);
    expect(await values()).toEqual(['first', 'next']);
  });
});

describe('backpressure', () => {
  it('makes publishers wait for room in order, then refuses, and never loses what it took', async () => {
    const hold = holdWrite(running);
    const value = 'v'.repeat(9_000);
    const accepted = [topic.publish({ value: { n: 0, value }, partition: 0 })];
    await hold.reached;
    let refused: unknown;
    for (let n = 1; refused === undefined; n++) {
      const attempt = topic.publish({ value: { n, value }, partition: 0 });
      accepted.push(attempt);
      // A refusal settles at once; publishes that wait for the held write do not.
      refused = await Promise.race([attempt.catch((error: unknown) => error), settled()]);
    }
    await expect(accepted.pop()).rejects.toThrowError(coded('BACKPRESSURE'));
    expect(refused).toMatchObject({ code: 'BACKPRESSURE', retriable: true });
    // A quarter of maxPendingBytes is packed, and as much is waiting.
    expect(accepted.length).toBeGreaterThan(10);
    expect((await topic.partition(0).info()).pendingBytes).toBeLessThanOrEqual(128 * 1024);
    await expect(topic.publish({ value: 'other partition', partition: 1 })).resolves.toMatchObject({
      offset: 0,
    });
    hold.release();
    const results = await Promise.all(accepted);
    expect(results.map(({ offset }) => offset)).toEqual(accepted.map((_, i) => i));
    const stored = (await values()) as { n: number }[];
    expect(stored.map(({ n }) => n)).toEqual(accepted.map((_, i) => i));
    expect((await topic.partition(0).info()).pendingBytes).toBe(0);
  });

  it('lets one call through that is larger than the bound', async () => {
    const messages = Array.from({ length: 60 }, () => ({ value: Buffer.alloc(9_000), partition: 0 }));
    expect(await topic.publishBatch(messages)).toHaveLength(60);
  });
});
