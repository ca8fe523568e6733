import { afterEach, describe, expect, it } from 'vitest';
import { Kafka, logLevel } from 'kafkajs';
import { CONNECTION_TIMEOUT_MS, type RunningKafka, startKafka } from './kafka-harness.js';

/** How long it takes is in the README of libs/kafka; what makes it fast is that nothing has to be tried twice. */
describe('the first message through an embedded broker', () => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  it('needs no retry, neither for the topic that is not there yet nor for the group', async () => {
    running = await startKafka();
    const kafka = new Kafka({
      brokers: [running.bootstrap],
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      logLevel: logLevel.NOTHING,
      retry: { retries: 0, restartOnFailure: async () => false },
    });
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: 'g' });
    await Promise.all([producer.connect(), consumer.connect()]);
    await producer.send({ topic: 't', messages: [{ value: 'first' }] });
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    const joins: unknown[] = [];
    consumer.on(consumer.events.GROUP_JOIN, (event) => joins.push(event));
    const value = await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      void consumer.run({ eachMessage: async ({ message }) => resolve(message.value!.toString()) });
    });
    expect(value).toBe('first');
    expect(joins).toHaveLength(1);
    await consumer.disconnect();
    await producer.disconnect();
  });
});
