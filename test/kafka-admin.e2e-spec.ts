import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Admin, ConfigResourceTypes, type Kafka } from 'kafkajs';
import { type RunningKafka, startKafka, type StartOptions, temporaryDirectory } from './kafka-harness.js';

describe('administration with kafkajs on the disk log', () => {
  const directory = temporaryDirectory();
  let running: RunningKafka;
  let admin: Admin;
  let at = 0;

  const start = async (logDir = join(directory.path, String(++at)), options: StartOptions = {}) => {
    running = await startKafka({ logDir, ...options });
    admin = running.kafka.admin();
    await admin.connect();
    return logDir;
  };
  const stop = async () => {
    await admin.disconnect();
    await running.stop();
  };
  const publish = async (count: number, topic = 't') => {
    for (let value = 0; value < count; value++) await running.topics.publish(topic, { value });
  };
  const deleteTo = async (offset: string) => {
    // kafkajs looks for leaders only in metadata that it has.
    await admin.fetchTopicOffsets('t');
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset }] });
  };
  const offsets = async (kafka: Kafka) => {
    const seen: string[] = [];
    const consumer = kafka.consumer({ groupId: `g${Math.random()}`, maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    const { endOffset } = running.topics.topic('t').partition(0);
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          seen.push(message.offset);
          if (Number(message.offset) === endOffset - 1) resolve();
        },
      });
    });
    await consumer.disconnect();
    return seen;
  };

  beforeEach(() => start());
  afterEach(stop);
  afterEach(() => directory.remove());

  it('deletes records for good, over a restart and a crash', async () => {
    await admin.createTopics({ topics: [{ topic: 't' }] });
    await publish(10);
    await deleteTo('7');
    expect(await offsets(running.kafka)).toEqual(['7', '8', '9']);
    const [low] = await admin.fetchTopicOffsets('t');
    expect(low).toMatchObject({ low: '7', high: '10' });
    // What a process that is killed now leaves behind.
    const logDir = join(directory.path, String(at));
    const crashed = `${logDir}-crashed`;
    cpSync(logDir, crashed, { recursive: true, filter: (file) => !file.endsWith('.lock') });
    await stop();
    await start(crashed);
    expect(await offsets(running.kafka)).toEqual(['7', '8', '9']);
    await stop();
    await start(logDir);
    await deleteTo('-1');
    await publish(1);
    expect(await offsets(running.kafka)).toEqual(['10']);
    await expect(deleteTo('99')).rejects.toThrow();
  });

  it('adds partitions, and refuses what is no more than there are', async () => {
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    const add = (count: number, validateOnly = false) =>
      admin.createPartitions({ topicPartitions: [{ topic: 't', count }], validateOnly });
    await add(4, true);
    expect(running.topics.topic('t').partitionCount).toBe(2);
    await add(4);
    expect(running.topics.topic('t').partitionCount).toBe(4);
    await expect(add(4)).rejects.toThrow();
    await expect(add(3)).rejects.toThrow();
  });

  it('alters sizes of topics, which hold at once and after a restart', async () => {
    const configs = async (...configNames: string[]) => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configNames }],
      });
      return Object.fromEntries(
        resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
      );
    };
    const alter = (configEntries: { name: string; value: string }[]) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configEntries }],
      });
    const sizes = ['segment.bytes', 'retention.bytes'];
    await admin.createTopics({ topics: [{ topic: 't' }] });
    await publish(1);
    const defaults = {
      'segment.bytes': String(10 * 1024 * 1024),
      'retention.bytes': String(100 * 1024 * 1024),
    };
    expect(await configs(...sizes)).toEqual(defaults);
    await alter([
      { name: 'segment.bytes', value: '65536' },
      { name: 'retention.bytes', value: '655360' },
      { name: 'cleanup.policy', value: 'delete' },
    ]);
    const altered = { 'segment.bytes': '65536', 'retention.bytes': '655360' };
    expect(await configs(...sizes)).toEqual(altered);
    await publish(1);
    await expect(alter([{ name: 'cleanup.policy', value: 'compact' }])).rejects.toThrow();
    await expect(alter([{ name: 'retention.ms', value: '1000' }])).rejects.toThrow();
    await expect(alter([{ name: 'max.message.bytes', value: '7' }])).rejects.toThrow();
    const logDir = join(directory.path, String(at));
    await stop();
    await start(logDir);
    expect(await configs(...sizes)).toEqual(altered);
    expect(running.topics.topic('t').partition(0).endOffset).toBe(2);
    await alter([]);
    expect(await configs(...sizes)).toEqual(defaults);
  });

  it('takes commits past the end as Kafka does, without moving the end', async () => {
    await admin.createTopics({ topics: [{ topic: 't' }] });
    await publish(2);
    const partitions = [{ partition: 0, offset: '50' }];
    await admin.setOffsets({ groupId: 'g', topic: 't', partitions });
    const [committed] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] });
    expect(committed!.partitions).toMatchObject([{ partition: 0, offset: '50' }]);
    const logDir = join(directory.path, String(at));
    await stop();
    await start(logDir);
    expect(running.topics.groups.committed('g', 't', 0)?.offset).toBe(50);
    expect(await running.topics.publish('t', { value: 'next' })).toMatchObject({ offset: 2 });
  });
});

describe('three virtual brokers', () => {
  let running: RunningKafka;
  beforeEach(async () => {
    running = await startKafka({ kafka: { brokers: 3 } });
  });
  afterEach(() => running.stop());

  it('share leaders and coordinators, and clients find their way', async () => {
    const admin = running.kafka.admin();
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    expect(brokers.map(({ nodeId, port }) => ({ nodeId, port }))).toEqual(
      running.listener.addresses.map(({ port }, i) => ({ nodeId: i + 1, port })),
    );
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 6, replicationFactor: 3 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['t'] });
    const leaders = topics[0]!.partitions.map(({ leader }) => leader).sort();
    expect(leaders).toEqual([1, 1, 2, 2, 3, 3]);
    const producer = running.kafka.producer({ idempotent: true });
    await producer.connect();
    const messages = Array.from({ length: 60 }, (_, i) => ({ key: `k${i}`, value: `${i}` }));
    await producer.send({ topic: 't', messages });
    await producer.disconnect();
    for (const groupId of ['a', 'b', 'c', 'd']) {
      const consumer = running.kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
      await consumer.connect();
      await consumer.subscribe({ topic: 't', fromBeginning: true });
      const seen = new Set<string>();
      await consumer.run({ eachMessage: async ({ message }) => void seen.add(message.value!.toString()) });
      await expect.poll(() => seen.size).toBe(60);
      await consumer.disconnect();
    }
    const { groups } = await admin.listGroups();
    expect(groups.map(({ groupId }) => groupId).sort()).toEqual(['a', 'b', 'c', 'd']);
    await admin.deleteTopicRecords({
      topic: 't',
      partitions: [0, 1, 2, 3, 4, 5].map((partition) => ({ partition, offset: '1' })),
    });
    expect((await admin.fetchTopicOffsets('t')).map(({ low }) => low)).toEqual(Array(6).fill('1'));
    await admin.deleteGroups(['a', 'b', 'c', 'd']);
    await admin.disconnect();
  });
});
