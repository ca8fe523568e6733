import { crc32, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { RECORDED } from '../__fixtures__/recorded.js';
import { fetch } from '../protocol/apis/fetch.js';
import { produce } from '../protocol/apis/produce.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { Reader } from '../protocol/wire/reader.js';
import { readClientId, readRequestHeader } from '../protocol/header.js';
import { MAX_MESSAGES, readMessageSet } from './message-set-reader.js';

interface OldMessage {
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp?: number;
}

const NOW = 1_700_000_000_000;
const GZIP = 1;

/** One message in the layout of the protocol guide. */
function message({ key, value, timestamp }: OldMessage, attributes = 0, packed?: Buffer): Buffer {
  const field = (bytes: Buffer | null) =>
    Buffer.concat([int32(bytes?.length ?? -1), ...(bytes === null ? [] : [bytes])]);
  const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text));
  const body = Buffer.concat([
    Buffer.from([timestamp === undefined ? 0 : 1, attributes]),
    ...(timestamp === undefined ? [] : [int64(timestamp)]),
    field(bytesOf(key)),
    field(packed ?? bytesOf(value)),
  ]);
  return Buffer.concat([int64(0), int32(4 + body.length), int32(crc32(body) | 0), body]);
}

const setOf = (messages: readonly OldMessage[]) => Buffer.concat(messages.map((one) => message(one)));
const packed = (set: Buffer) => message({ key: null, value: null }, GZIP, gzipSync(set));

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};

const text = fc.option(fc.string({ maxLength: 20 }));
const oldMessage = fc.record(
  { key: text, value: text, timestamp: fc.integer({ min: 0, max: NOW }) },
  { requiredKeys: ['key', 'value'] },
);

describe('reading a message set', () => {
  it('finds every message of both versions, compressed or not', () => {
    fc.assert(
      fc.property(
        fc.array(oldMessage, { minLength: 1, maxLength: 10 }),
        fc.boolean(),
        (messages, isPacked) => {
          const set = isPacked ? packed(setOf(messages)) : setOf(messages);
          const { records, compression } = readMessageSet(set, NOW, 1_000_000);
          expect(compression).toBe(isPacked ? 'gzip' : 'none');
          expect(
            records.map(({ key, value, timestamp }) => ({
              key: key && Buffer.from(key).toString(),
              value: value && Buffer.from(value).toString(),
              timestamp,
            })),
          ).toEqual(messages.map((one) => ({ timestamp: NOW, ...one })));
        },
      ),
    );
  });

  it('refuses damaged sets with CORRUPT_BATCH only', () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(30) });
    fc.assert(
      fc.property(
        fc.array(oldMessage, { maxLength: 4 }),
        fc.boolean(),
        damage,
        (messages, isPacked, { at, byte, cut }) => {
          const set = isPacked ? packed(setOf(messages)) : setOf(messages);
          if (set.length > 0) set[at % set.length] = byte;
          try {
            readMessageSet(set.subarray(0, Math.max(0, set.length - cut)), NOW, 1_000_000);
          } catch (error) {
            expect(error).toMatchObject({ code: 'CORRUPT_BATCH' });
          }
        },
      ),
    );
  });

  // 40 KB of gzip can hold 600,000 messages.
  it('limits the number of messages, compressed or not', () => {
    const one = message({ key: null, value: null });
    const set = (count: number) => Buffer.alloc(count * one.length, one);
    expect(readMessageSet(packed(set(MAX_MESSAGES)), NOW, 10_000_000).records).toHaveLength(MAX_MESSAGES);
    const tooMany = set(MAX_MESSAGES + 1);
    for (const bytes of [tooMany, packed(tooMany)]) {
      expect(() => readMessageSet(bytes, NOW, 10_000_000)).toThrowError(/more than 100000 messages/);
    }
  });

  it('limits the unpacked size, and refuses nested compression', () => {
    const large = setOf([{ key: null, value: 'x'.repeat(2_000) }]);
    const twice = packed(packed(setOf([{ key: null, value: 'x' }])));
    expect(() => readMessageSet(packed(large), NOW, 1_000)).toThrowError(/more than 1000 bytes/);
    expect(() => readMessageSet(Buffer.concat([packed(large), packed(large)]), NOW, 3_000)).toThrowError();
    expect(() => readMessageSet(twice, NOW, 1_000_000)).toThrowError(/contains another compressed message/);
  });
});

describe('clients of Kafka before 0.11', () => {
  let embedded: Embedded;
  let client: RawClient;

  beforeEach(async () => {
    embedded = await embed(
      { maxFetchBytes: 100_000 },
      { topics: [{ name: 't' }], maxMessageBytes: 50_000, maxBatchBytes: 50_000 },
    );
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const partition = () => embedded.topics.topic('t').partition(0);
  const send = async (version: number, records: Buffer) => {
    const topics = [{ name: 't', partitions: [{ index: 0, records }] }];
    const answer = await client.call(produce, version, { acks: 1, timeoutMs: 1_000, topics });
    return answer.topics[0]!.partitions[0]!;
  };
  const read = async (version: number, fetchOffset: number, maxBytes = 10_000) => {
    const partitions = [{ index: 0, fetchOffset, maxBytes }];
    const asked = { maxWaitMs: 0, minBytes: 1, topics: [{ name: 't', partitions }] };
    const { errorCode, records, highWatermark } = (await client.call(fetch, version, asked)).topics[0]!
      .partitions[0]!;
    const set = records!;
    const offsets: number[] = [];
    for (let at = 0; at < set.length; at += 12 + set.readInt32BE(at + 8)) {
      offsets.push(Number(set.readBigInt64BE(at)));
    }
    const found = set.length === 0 ? [] : readMessageSet(set, NOW, 0).records;
    return { errorCode, highWatermark, offsets, found };
  };

  it.each([0, 1, 2])('produce in version %i', async (version) => {
    const timed = version === 2 ? { timestamp: 5_000 } : {};
    const sent = [
      { key: 'ada', value: 'one', ...timed },
      { key: null, value: 'two', ...timed },
      { key: 'ada', value: null, ...timed },
    ];

    expect(await send(version, setOf(sent))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await send(version, packed(setOf(sent)))).toMatchObject({ errorCode: 0, baseOffset: 3 });

    const { messages } = await partition().readMessages({ offset: 0 });
    const expected = sent.map(({ key, value }) => ({ key, value }));
    const read = messages.map(({ key, valueBytes }) => ({ key, value: valueBytes?.toString() ?? null }));
    expect(read).toEqual([...expected, ...expected]);
    const isTimed = messages.every(({ timestamp }) => timestamp === 5_000);
    expect(isTimed).toBe(version === 2);
    expect(messages.every(({ timestamp }) => timestamp > 0)).toBe(true);
  });

  it.each([0, 1, 2, 3])('consume stored batches in version %i', async (version) => {
    const values = Array.from({ length: 200 }, (_, i) => ({
      key: `k${i}`,
      value: `v${i}`,
      headers: { h: 'x' },
    }));
    await embedded.topics.topic('t').publishBatch(values.map((one) => ({ ...one, timestamp: 5_000 })));

    const { offsets, found, highWatermark } = await read(version, 150);
    expect(offsets).toEqual(Array.from({ length: 50 }, (_, i) => 150 + i));
    expect(highWatermark).toBe(200);
    expect(found[0]).toMatchObject({
      key: Buffer.from('k150'),
      value: Buffer.from('"v150"'),
      timestamp: version < 2 ? NOW : 5_000,
    });
    // Within the requested size, but at least one message.
    expect((await read(version, 150, 100)).offsets.length).toBeLessThan(5);
    expect((await read(version, 150, 1)).offsets).toEqual([150]);
  });

  it('get error codes for invalid sets', async () => {
    const good = setOf([{ key: null, value: 'x' }]);
    const badCrc = Buffer.from(good);
    badCrc[13]! ^= 1;
    const batch = Buffer.from(good);
    batch[16] = 2;
    const tooLarge = setOf([{ key: null, value: 'x'.repeat(60_000) }]);

    expect((await send(1, badCrc)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect((await send(1, Buffer.alloc(0))).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect((await send(1, batch)).errorCode).toBe(ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT);
    expect((await send(1, tooLarge)).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect((await read(0, 7)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(partition().endOffset).toBe(0);
  });

  it('keep their order if they send before they have an answer', async () => {
    const sent = Array.from({ length: 20 }, (_, i) => packed(setOf([{ key: null, value: String(i) }])));

    const answers = await Promise.all(sent.map((set) => send(1, set)));

    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(sent.map((_, i) => i));
    const { messages } = await partition().readMessages({ offset: 0 });
    expect(messages.map(({ valueBytes }) => Number(valueBytes))).toEqual(sent.map((_, i) => i));
  });

  it.each(['kafka-node', 'no-kafka', 'sarama', 'kafka-go'])('are understood: the requests of %s', (name) => {
    const { requests } = RECORDED.find((one) => one.client === name)!;
    const sets = requests.flatMap((request) => {
      const reader = new Reader(request.subarray(4));
      const { apiKey, apiVersion } = readRequestHeader(reader);
      if (apiKey !== produce.key || apiVersion > 2) return [];
      readClientId(reader, false);
      const { topics } = produce.requestCodec(apiVersion).decode(reader);
      return topics.flatMap(({ partitions }) => partitions.map(({ records }) => records!));
    });
    expect(sets.length).toBeGreaterThan(0);
    for (const set of sets) expect(readMessageSet(set, NOW, 100_000).records.length).toBeGreaterThan(0);
  });
});
