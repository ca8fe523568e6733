import { afterEach, describe, expect, it } from 'vitest';
import type { Consumer, KafkaMessage } from 'kafkajs';
import { type RunningKafka, startKafka, temporaryDirectory } from './kafka-harness.js';

const FAST = { sessionTimeout: 6_000, heartbeatInterval: 200, rebalanceTimeout: 5_000, maxWaitTimeInMs: 100 };

describe('kafkajs consumer groups', () => {
  let running: RunningKafka;
  const consumers: Consumer[] = [];

  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.disconnect()));
    await running.stop();
  });

  /** A member that tells of every message; resolves when it has joined. */
  async function consume(
    groupId: string,
    topic: string,
    onMessage: (message: KafkaMessage, partition: number) => void,
  ) {
    const consumer = running.kafka.consumer({ groupId, ...FAST });
    consumers.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({
      autoCommitInterval: 50,
      eachMessage: async ({ message, partition }) => onMessage(message, partition),
    });
    await joined;
    return consumer;
  }

  const publish = (topic: string, count: number, from = 0) =>
    running.topics.publishBatch(
      topic,
      Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, value: from + i })),
    );

  it('reads what Nest has published, goes on where it stopped, over a restart of everything', async () => {
    const directory = temporaryDirectory();
    running = await startKafka({ logDir: directory.path });
    await publish('orders', 50);
    const seen: string[] = [];
    const until = async (count: number) => expect.poll(() => seen.length).toBe(count);
    const first = await consume('billing', 'orders', ({ value }) => seen.push(value!.toString()));
    await until(50);
    await first.disconnect();
    expect(running.topics.groups.committed('billing', 'orders', 0)?.offset).toBe(50);
    await running.stop();

    running = await startKafka({ logDir: directory.path });
    await publish('orders', 10, 50);
    await consume('billing', 'orders', ({ value }) => seen.push(value!.toString()));
    await until(60);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
    directory.remove();
  });

  it('shares partitions out among members, and again when one leaves', async () => {
    running = await startKafka({ topics: { topics: [{ name: 't', partitions: 4 }] } });
    const owners = new Map<number, Set<string>>();
    const seen = new Set<string>();
    const member = (name: string) =>
      consume('g', 't', ({ value }, partition) => {
        owners.set(partition, (owners.get(partition) ?? new Set()).add(name));
        seen.add(value!.toString());
      });
    const [a] = await Promise.all([member('a'), member('b')]);
    const admin = running.kafka.admin();
    await admin.connect();
    const group = async () => (await admin.describeGroups(['g'])).groups[0]!;
    await expect.poll(async () => (await group()).members.length).toBe(2);
    await expect.poll(async () => (await group()).state).toBe('Stable');
    await publish('t', 100);
    await expect.poll(() => seen.size).toBe(100);
    expect([...owners.values()].map((names) => names.size)).toEqual([1, 1, 1, 1]);
    expect(new Set([...owners.values()].flatMap((names) => [...names]))).toEqual(new Set(['a', 'b']));
    await a.disconnect();
    await publish('t', 100, 100);
    await expect.poll(() => seen.size).toBe(200);
    expect((await group()).members).toHaveLength(1);
    await admin.disconnect();
  });

  it('are listed, moved and deleted by an administrator', async () => {
    running = await startKafka({ topics: { topics: [{ name: 't', partitions: 2 }] } });
    await publish('t', 20);
    const admin = running.kafka.admin({ retry: { retries: 0 } });
    await admin.connect();
    await admin.setOffsets({ groupId: 'g', topic: 't', partitions: [{ partition: 0, offset: '1' }] });
    expect(await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })).toMatchObject([
      {
        topic: 't',
        partitions: [
          { partition: 0, offset: '1' },
          { partition: 1, offset: '-1' },
        ],
      },
    ]);
    expect(await admin.listGroups()).toEqual({ groups: [{ groupId: 'g', protocolType: 'consumer' }] });
    expect(await admin.describeGroups(['g', 'nobody'])).toMatchObject({
      groups: [
        { groupId: 'g', state: 'Empty' },
        { groupId: 'nobody', state: 'Dead', errorCode: 0 },
      ],
    });
    await consume('busy', 't', () => {});
    await expect(admin.deleteGroups(['busy'])).rejects.toThrow();
    await admin.deleteGroups(['g']);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId)).toEqual(['busy']);
    await admin.disconnect();
  });
});
