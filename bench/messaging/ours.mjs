/** GenRocks behind the face of peers.mjs: topics inside this process, and the broker through kafkajs. */
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import kafkajs from 'kafkajs';
import { indexOf, payload } from './peers.mjs';

/** Room for everything a cell publishes: nothing may be overwritten before it was handled. */
const ROOM = { maxNoFiles: 100, maxNoBytes: '256MB' };

async function topics({ directory, storage }, bytes) {
  const adapter =
    storage === 'ets'
      ? EtsModule.forRoot()
      : DiskLogModule.forRoot({ logDir: join(directory, String(process.pid)), sync: 'always', ...ROOM });
  const app = await NestFactory.createApplicationContext(
    TopicsModule.forRoot({ storage: adapter, topics: [{ name: 'bench' }] }),
    { logger: false },
  );
  const service = app.get(TopicsService);
  const topic = service.topic('bench');
  return {
    publish: (index) => topic.publish({ value: payload(index, bytes) }),
    consume: (onMessage) =>
      service.startConsumerGroup({
        group: 'bench',
        topics: ['bench'],
        handler: (message) => onMessage(indexOf(message.valueBytes)),
      }),
    close: () => app.close(),
  };
}

/** @param batch messages of one send */
async function kafka({ bootstrap, topic, partitions, batch = 1 }, bytes) {
  const client = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  let consumer;
  const messagesOf = (index) =>
    Array.from({ length: batch }, (_, i) => ({
      value: payload(index * batch + i, bytes),
      partition: index % partitions,
    }));
  return {
    publish: (index) => producer.send({ topic, acks: -1, messages: messagesOf(index) }),
    async consume(onMessage) {
      consumer = client.consumer({ groupId: `bench-${process.pid}`, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch: { messages } }) => {
          for (const { value } of messages) onMessage(indexOf(value));
        },
      });
    },
    async close() {
      await consumer?.disconnect();
      await producer.disconnect();
    },
  };
}

export const OURS = { topics, kafka };
