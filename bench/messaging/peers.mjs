/**
 * Other queues through their Node clients, behind one face:
 *
 *     open(address, bytes) -> { publish(index), consume(onMessage), close() }
 *
 * `publish` resolves when the server has acknowledged the message, `onMessage(index)` is called for each one, and every
 * message is acknowledged to the server the way its client does it fastest.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(join(fileURLToPath(new URL('../peers/', import.meta.url)), 'package.json'));

/** Messages a consumer may hold, or asks for at once. */
const PREFETCH = 1000;
/** Acknowledgements are sent for so many messages together, where the protocol has that. */
const ACK_EVERY = 100;

/** A payload that tells which message it is. */
export function payload(index, bytes) {
  const value = Buffer.alloc(bytes, 'x');
  value.writeUInt32BE(index, 0);
  return value;
}

export const indexOf = (value) => value.readUInt32BE(0);

async function redisStreams({ port }, bytes) {
  const { Redis } = require('ioredis');
  const options = { host: '127.0.0.1', port };
  const [writer, reader, acker] = [new Redis(options), new Redis(options), new Redis(options)];
  await writer.flushall();
  await writer.xgroup('CREATE', 'bench', 'group', '0', 'MKSTREAM');
  let open = true;
  const read = async (onMessage) => {
    const from = ['GROUP', 'group', 'one', 'COUNT', PREFETCH, 'BLOCK', 1000, 'STREAMS', 'bench', '>'];
    while (open) {
      const answer = await reader.xreadgroupBuffer(...from);
      if (answer === null) continue;
      const entries = answer[0][1];
      acker.xack('bench', 'group', ...entries.map(([id]) => id)).catch(() => {});
      for (const [, fields] of entries) onMessage(indexOf(fields[1]));
    }
  };
  return {
    publish: (index) => writer.xadd('bench', '*', 'value', payload(index, bytes)),
    consume: async (onMessage) => void read(onMessage).catch(() => {}),
    async close() {
      open = false;
      await writer.flushall();
      for (const client of [writer, reader, acker]) client.disconnect();
    },
  };
}

async function bullmq({ port }, bytes) {
  const { Queue, Worker } = require('bullmq');
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.obliterate({ force: true });
  const value = 'x'.repeat(bytes);
  let worker;
  return {
    publish: (index) => queue.add('message', { index, value }),
    async consume(onMessage) {
      const handler = async ({ data }) => onMessage(data.index);
      worker = new Worker('bench', handler, { connection, concurrency: 256 });
      await worker.waitUntilReady();
    },
    async close() {
      await worker?.close(true);
      await queue.obliterate({ force: true });
      await queue.close();
    },
  };
}

async function jetStream({ port }, bytes) {
  const { connect } = require('@nats-io/transport-node');
  const { jetstream, jetstreamManager, AckPolicy, StorageType } = require('@nats-io/jetstream');
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.delete('bench').catch(() => {});
  await manager.streams.add({ name: 'bench', subjects: ['bench'], storage: StorageType.File });
  const stream = jetstream(connection);
  let messages;
  const read = async (onMessage) => {
    for await (const message of messages) {
      onMessage(indexOf(Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length)));
      message.ack();
    }
  };
  return {
    publish: (index) => stream.publish('bench', payload(index, bytes)),
    async consume(onMessage) {
      const policy = { ack_policy: AckPolicy.Explicit, max_ack_pending: 10 * PREFETCH };
      await manager.consumers.add('bench', { durable_name: 'group', ...policy });
      const consumer = await stream.consumers.get('bench', 'group');
      messages = await consumer.consume({ max_messages: PREFETCH });
      void read(onMessage).catch(() => {});
    },
    async close() {
      await messages?.close();
      await manager.streams.delete('bench');
      await connection.close();
    },
  };
}

/** A RabbitMQ queue over AMQP. @param type `quorum` or `stream` */
async function rabbitQueue({ port }, bytes, type) {
  const { connect } = require('amqplib');
  const name = `bench-${type}`;
  const connection = await connect(`amqp://guest:guest@127.0.0.1:${port}`);
  const [writer, reader] = [await connection.createConfirmChannel(), await connection.createChannel()];
  await writer.deleteQueue(name);
  await writer.assertQueue(name, { durable: true, arguments: { 'x-queue-type': type } });
  return {
    publish: (index) =>
      new Promise((resolve, reject) => {
        const done = (error) => (error ? reject(error) : resolve());
        writer.sendToQueue(name, payload(index, bytes), { persistent: true }, done);
      }),
    async consume(onMessage) {
      await reader.prefetch(PREFETCH);
      let unacknowledged = 0;
      const take = (message) => {
        onMessage(indexOf(message.content));
        if (++unacknowledged < ACK_EVERY) return;
        unacknowledged = 0;
        reader.ack(message, true);
      };
      await reader.consume(
        name,
        take,
        type === 'stream' ? { arguments: { 'x-stream-offset': 'first' } } : {},
      );
    },
    async close() {
      await writer.deleteQueue(name);
      await connection.close();
    },
  };
}

/** By name; loaded only where they are measured, since their packages may not be installed. */
export const PEERS = {
  redisStreams,
  bullmq,
  jetStream,
  rabbitQuorum: (address, bytes) => rabbitQueue(address, bytes, 'quorum'),
  rabbitStream: (address, bytes) => rabbitQueue(address, bytes, 'stream'),
};
