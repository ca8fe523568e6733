import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import lz4 from 'lz4-napi';
import { compress, uncompressSync } from 'snappy';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from './kafka-harness.js';

const { CompressionCodecs, CompressionTypes } = kafkajs;

let running: RunningKafka;
afterEach(() => running.stop());

const VALUES = Array.from({ length: 300 }, (_, i) => `value ${i} ${'x'.repeat(100)}`);

/** What an application of this process reads. */
async function readHere(): Promise<unknown[]> {
  const { partitions } = running.topics.topic('t');
  const read = await partitions[0]!.readMessages({ offset: 0 });
  return read.messages.map(({ valueBytes }) => valueBytes!.toString());
}

async function compressionHere(): Promise<number> {
  const { batches } = await running.topics.topic('t').partition(0).readBatches({ offset: 0 });
  return batches[0]!.readInt16BE(21) & 7;
}

/** snappy-java's frame around blocks of 32 KiB, as the Java client writes it. */
async function xerial(bytes: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = await compress(bytes.subarray(at, at + 32_768));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

describe('what @platformatic/kafka packs', () => {
  it.each(['gzip', 'snappy', 'lz4'] as const)('with %s is read here, and the other way', async (codec) => {
    running = await startKafka();
    await running.topics.startTopic('t');
    const base = { clientId: 'test', bootstrapBrokers: [running.bootstrap] };
    const producer = new Producer({ ...base, serializers: stringSerializers });
    await producer.send({ messages: VALUES.map((value) => ({ topic: 't', value })), compression: codec });
    await producer.close();
    expect(await compressionHere()).toBe(['none', 'gzip', 'snappy', 'lz4'].indexOf(codec));
    expect(await readHere()).toEqual(VALUES);

    const topic = await running.topics.startTopic('ours', { compression: codec });
    await topic.publishBatch(VALUES.map((value) => ({ value: Buffer.from(value) })));
    const consumer = new Consumer({ ...base, groupId: 'g', deserializers: stringDeserializers });
    const stream = await consumer.consume({ topics: ['ours'], mode: 'earliest', maxWaitTime: 100 });
    const seen: string[] = [];
    for await (const { value } of stream) if (seen.push(value) === VALUES.length) break;
    expect(seen).toEqual(VALUES);
    stream.destroy();
    await consumer.close();
  });
});

describe('what kafkajs packs', () => {
  it.each([
    ['gzip', CompressionTypes.GZIP, undefined],
    ['snappy in the frame of Java', CompressionTypes.Snappy, xerial],
    ['plain snappy', CompressionTypes.Snappy, (bytes: Buffer) => compress(bytes)],
    ['lz4', CompressionTypes.LZ4, (bytes: Buffer) => lz4.compressFrame(bytes)],
  ] as const)('with %s is read here', async (_name, compression, pack) => {
    if (pack !== undefined) {
      CompressionCodecs[compression] = () => ({
        compress: (encoder: { buffer: Buffer }) => pack(encoder.buffer),
        decompress: (bytes: Buffer) => Promise.resolve(uncompressSync(bytes)),
      });
    }
    running = await startKafka();
    const producer = running.kafka.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    await producer.send({ topic: 't', compression, messages: VALUES.map((value) => ({ value })) });
    await producer.disconnect();
    expect(await compressionHere()).toBe(compression);
    expect(await readHere()).toEqual(VALUES);
  });
});
