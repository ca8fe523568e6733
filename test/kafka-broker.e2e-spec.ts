import { KafkaListener } from '@genrocks/kafka';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, describe, expect, it } from 'vitest';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';

describe.each(ADAPTERS)('the broker on %s', (adapter) => {
  let broker: RunningBroker;
  afterEach(() => broker.close());

  it('serves the same messages over HTTP and to Kafka clients', async () => {
    broker = await startBroker(adapter);
    const { bootstrap } = broker.app.get(KafkaListener);
    const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
    await producer.connect();
    await producer.send({
      topic: 'orders',
      messages: [{ key: 'a', value: '{"id":1}', headers: { from: 'kafka' } }],
    });
    await producer.disconnect();
    await broker.http
      .post('/v1/topics/orders/messages')
      .send({ key: 'b', value: { id: 2 }, headers: { from: 'http' } })
      .expect(({ status }) => expect(status).toBeLessThan(300));

    const read = await broker.http.get('/v1/topics/orders/partitions/0/messages?offset=0').expect(200);
    expect(read.body).toMatchObject({
      messages: [
        { offset: 0, key: 'a', value: { id: 1 }, headers: { from: 'kafka' } },
        { offset: 1, key: 'b', value: { id: 2 }, headers: { from: 'http' } },
      ],
    });

    const consumer = kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    const seen: string[] = [];
    await consumer.run({
      eachMessage: async ({ message }) =>
        void seen.push(
          `${message.key!.toString()} ${message.value!.toString()} ${message.headers!['from']!.toString()}`,
        ),
    });
    await expect.poll(() => seen).toEqual(['a {"id":1} kafka', 'b {"id":2} http']);
    await consumer.disconnect();
  });
});
