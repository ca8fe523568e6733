import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BatchFields, crc32c, makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { initProducerId } from '../protocol/apis/init-producer-id.js';
import { produce } from '../protocol/apis/produce.js';

describe('produce', () => {
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 't' }], maxMessageBytes: 100_000, maxBatchBytes: 100_000 });
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const batch = (count: number, fields?: BatchFields) => makeBatch(embedded.topics, count, fields);
  const end = () => embedded.topics.topic('t').partition(0).endOffset;

  async function send(records: Buffer | null, { version = 9, acks = -1, topic = 't', index = 0 } = {}) {
    const request = { acks, timeoutMs: 1000, topics: [{ name: topic, partitions: [{ index, records }] }] };
    const answer = await client.call(produce, version, request);
    const { errorCode, baseOffset } = answer.topics[0]!.partitions[0]!;
    return { errorCode, baseOffset };
  }

  it('stores the bytes as received, and sets only the base offset', async () => {
    const sent = await batch(3);
    await send(await batch(2));
    expect(await send(sent)).toEqual({ errorCode: 0, baseOffset: 2 });
    const { batches } = await embedded.topics.topic('t').partition(0).readBatches({ offset: 2 });
    expect(batches[0]!.readBigInt64BE(0)).toBe(2n);
    expect(batches[0]!.subarray(16)).toEqual(sent.subarray(16));
  });

  it.each([3, 5, 7, 8, 10, 11])('is served in version %i', async (version) => {
    expect(await send(await batch(1), { version })).toEqual({ errorCode: 0, baseOffset: 0 });
  });

  it('refuses batches that must not get into the log', async () => {
    const good = await batch(2);
    const damaged = Buffer.from(good);
    damaged[damaged.length - 1]! ^= 1;
    const oldMagic = Buffer.from(good);
    oldMagic[16] = 1;
    const code = async (records: Buffer | null, options = {}) => (await send(records, options)).errorCode;
    expect(await code(damaged)).toBe(2);
    expect(await code(good.subarray(0, 40))).toBe(87);
    expect(await code(good.subarray(0, -1))).toBe(87);
    expect(await code(null)).toBe(87);
    expect(await code(Buffer.alloc(0))).toBe(87);
    expect(await code(oldMagic)).toBe(87);
    expect(await code(Buffer.concat([good, good]))).toBe(87);
    expect(await code(await batch(1, { attributes: 0x20 }))).toBe(87);
    expect(
      await code(
        Buffer.concat([
          good.subarray(0, 8),
          int32(150_000 - 12),
          good.subarray(12),
          Buffer.alloc(150_000 - good.length),
        ]),
      ),
    ).toBe(10);
    expect(await code(good, { topic: 'nowhere' })).toBe(3);
    expect(await code(good, { index: 7 })).toBe(3);
    expect(await code(good, { acks: 2 })).toBe(21);
    expect(end()).toBe(0);
  });

  it('distinguishes a batch damaged in transit, which may be retried, from a malformed one', async () => {
    const good = await batch(2);
    const packed = (change: (copy: Buffer) => void) => {
      const copy = Buffer.from(good);
      change(copy);
      copy.writeUInt32BE(crc32c(copy.subarray(21)), 17);
      return copy;
    };
    const code = async (records: Buffer) => (await send(records)).errorCode;
    const gap = packed((copy) => copy.writeInt32BE(5, 23));
    const damagedGap = Buffer.from(gap);
    damagedGap[60]! ^= 1;
    expect(await code(damagedGap)).toBe(2);
    expect(await code(gap)).toBe(87);
    expect(await code(packed((copy) => copy.writeInt32BE(0, 57)))).toBe(87);
    expect(await code(packed((copy) => copy.writeInt32BE(-1, 57)))).toBe(87);
    expect(await code(packed((copy) => copy.writeInt16BE(7, 21)))).toBe(87);
    expect(await code(packed((copy) => copy.fill(0xff, 61)))).toBe(87);
    expect(await code(packed((copy) => copy.writeBigInt64BE(3n, 0)))).toBe(87);
    expect(await code(await batch(1, { producerId: 1, epoch: 0, sequence: -1 }))).toBe(87);
    // With log-append time, all records would get the one timestamp that the producer states.
    expect(await code(await batch(1, { attributes: 0x08 }))).toBe(32);
    expect(end()).toBe(0);
  });

  it('refuses zstd in versions without it', async () => {
    const zstd = await batch(1, { attributes: 4 });
    expect((await send(zstd, { version: 6 })).errorCode).toBe(76);
    expect((await send(zstd, { version: 7 })).errorCode).toBe(0);
  });

  it('with acks=0 sends no answer, and closes the connection on an error', async () => {
    const records = await batch(1);
    const request = {
      acks: 0,
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ index: 0, records }] }],
    };
    client.call(produce, 9, request).catch(() => {});
    await expect.poll(end).toBe(1);
    const lost = { ...request, topics: [{ name: 'nowhere', partitions: [{ index: 0, records }] }] };
    client.call(produce, 9, lost).catch(() => {});
    await client.closed;
  });

  it('recognizes duplicates and gaps of an idempotent producer', async () => {
    const { producerId, producerEpoch } = await client.call(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 1000,
    });
    expect(producerEpoch).toBe(0);
    const make = (sequence: number, count: number, epoch = 0) =>
      batch(count, { producerId, epoch, sequence });
    const first = await make(0, 3);
    expect(await send(first)).toEqual({ errorCode: 0, baseOffset: 0 });
    expect(await send(await make(3, 2))).toEqual({ errorCode: 0, baseOffset: 3 });
    expect(await send(first)).toEqual({ errorCode: 0, baseOffset: 0 });
    expect(end()).toBe(5);
    expect((await send(await make(9, 1))).errorCode).toBe(45);
    expect((await send(await make(5, 1, 1))).errorCode).toBe(45);
    expect(await send(await make(0, 1, 1))).toEqual({ errorCode: 0, baseOffset: 5 });
    expect((await send(await make(5, 1, 0))).errorCode).toBe(47);
    expect(end()).toBe(6);
  });

  it('lets sequence numbers wrap, and an unknown producer start anywhere', async () => {
    const make = (sequence: number, count: number) => batch(count, { producerId: 77, epoch: 0, sequence });
    expect((await send(await make(2 ** 31 - 2, 3))).errorCode).toBe(0);
    expect((await send(await make(1, 1))).errorCode).toBe(0);
    expect((await send(await make(5, 1))).errorCode).toBe(45);
  });

  it('stores a batch once if two connections send it at the same time', async () => {
    const other = await RawClient.connect(embedded.port);
    const records = await batch(2, { producerId: 5, epoch: 0, sequence: 0 });
    const request = {
      acks: -1,
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ index: 0, records }] }],
    };
    const answers = await Promise.all([client.call(produce, 9, request), other.call(produce, 9, request)]);
    expect(answers.map(({ topics }) => topics[0]!.partitions[0]!.baseOffset)).toEqual([0, 0]);
    expect(end()).toBe(2);
    other.end();
  });

  it('gives no producer id twice, and refuses transactions', async () => {
    const init = (transactionalId: string | null) =>
      client.call(initProducerId, 4, { transactionalId, transactionTimeoutMs: 1000 });
    const ids = new Set<number>();
    for (let i = 0; i < 20; i++) ids.add((await init(null)).producerId);
    expect(ids.size).toBe(20);
    expect((await init('tx')).errorCode).toBe(53);
  });
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
