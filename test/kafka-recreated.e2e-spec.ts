import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from './kafka-harness.js';

describe('a kafkajs consumer whose topic is deleted and created again', () => {
  let running: RunningKafka;

  beforeEach(async () => {
    running = await startKafka({ topics: { topics: [{ name: 't' }] } });
  });
  afterEach(() => running.stop());

  it.each([
    ['shorter', ['e', 'f']],
    ['longer', ['e', 'f', 'g', 'h', 'i', 'j']],
  ])('reads the new one from its beginning where that is %s', async (_, values) => {
    const { topics } = running;
    const seen: string[] = [];
    let arrived = () => {};
    const until = (count: number) =>
      new Promise<void>((resolve) => {
        arrived = () => seen.length >= count && resolve();
        arrived();
      });
    const publish = async (...values: string[]) => {
      for (const value of values) await topics.publish('t', { value });
    };
    await publish('a', 'b', 'c', 'd');
    const consumer = running.kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        seen.push(String(JSON.parse(message.value!.toString())));
        arrived();
      },
    });
    await until(4);

    await topics.deleteTopic('t');
    await topics.startTopic('t');
    await publish(...values);
    await until(4 + values.length);

    expect(seen).toEqual(['a', 'b', 'c', 'd', ...values]);
    await consumer.disconnect();
  });
});
