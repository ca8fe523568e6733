import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { CompressionTypes, Partitioners } from 'kafkajs';
import { type RunningKafka, startKafka, temporaryDirectory } from './kafka-harness.js';
import { lastingPort } from './lasting-port.js';

const createPartitioner = Partitioners.DefaultPartitioner;

describe('kafkajs produces', () => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  it('to a topic that is created on the way; Nest reads key, value, headers and timestamp intact', async () => {
    running = await startKafka();
    const producer = running.kafka.producer({ createPartitioner });
    await producer.connect();
    const [sent] = await producer.send({
      topic: 'orders',
      acks: -1,
      messages: [
        {
          key: 'a',
          value: '{"id":1}',
          headers: { kind: 'new', bin: Buffer.from([0, 255]) },
          timestamp: '1700000000000',
        },
        { key: null, value: null },
      ],
    });
    expect(sent).toMatchObject({ topicName: 'orders', partition: 0, errorCode: 0, baseOffset: '0' });
    await producer.disconnect();
    const { messages } = await running.topics.topic('orders').partition(0).readMessages({ offset: 0 });
    expect(messages).toHaveLength(2);
    expect(messages[0]).toMatchObject({ key: 'a', value: { id: 1 }, timestamp: 1700000000000 });
    expect(messages[0]!.headerBytes).toEqual([
      ['kind', Buffer.from('new')],
      ['bin', Buffer.from([0, 255])],
    ]);
    expect(messages[1]!.valueBytes).toBeNull();
  });

  it('with gzip, and with acks 0 and 1', async () => {
    running = await startKafka({ topics: { defaultPartitions: 3 } });
    const producer = running.kafka.producer({ createPartitioner });
    await producer.connect();
    const value = randomBytes(2000).toString('hex');
    await producer.send({
      topic: 't',
      acks: 1,
      compression: CompressionTypes.GZIP,
      messages: [{ key: 'k', value }],
    });
    await producer.send({ topic: 't', acks: 0, messages: [{ key: 'k', value: '"last"' }] });
    await producer.send({ topic: 't', acks: -1, messages: [{ key: 'k', value: '"end"' }] });
    await producer.disconnect();
    const partition = running.topics.topic('t').partitions.find(({ endOffset }) => endOffset > 0)!;
    const { messages } = await partition.readMessages({ offset: 0 });
    expect(messages.map(({ valueBytes }) => valueBytes!.toString())).toEqual([value, '"last"', '"end"']);
  });

  it('idempotently; a restart in the middle neither loses nor doubles', async () => {
    const directory = temporaryDirectory();
    const port = await lastingPort();
    running = await startKafka({ logDir: directory.path, kafka: { port } });
    const producer = running.kafka.producer({ createPartitioner, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const send = (value: string) => producer.send({ topic: 'ledger', messages: [{ key: 'k', value }] });
    for (let i = 0; i < 20; i++) await send(`"${i}"`);
    await running.stop();
    const late = send('"20"');
    running = await startKafka({ logDir: directory.path, kafka: { port } });
    await late;
    for (let i = 21; i < 30; i++) await send(`"${i}"`);
    await producer.disconnect();
    const { messages } = await running.topics.topic('ledger').partition(0).readMessages({ offset: 0 });
    expect(messages.map(({ value }) => value)).toEqual(Array.from({ length: 30 }, (_, i) => String(i)));
    await running.stop();
    directory.remove();
  });
});

describe('kafkajs administers', () => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  it('creates, describes and deletes topics, and finds offsets', async () => {
    running = await startKafka();
    const admin = running.kafka.admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 'a', numPartitions: 3 }, { topic: 'b' }] })).toBe(
      true,
    );
    expect((await admin.listTopics()).sort()).toEqual(['a', 'b']);
    const { topics } = await admin.fetchTopicMetadata({ topics: ['a'] });
    expect(
      topics[0]!.partitions.map(({ leader, partitionErrorCode }) => [leader, partitionErrorCode]),
    ).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    await running.topics.publish('b', { value: 'x', timestamp: 1000 });
    await running.topics.publish('b', { value: 'y', timestamp: 2000 });
    expect(await admin.fetchTopicOffsets('b')).toEqual([{ partition: 0, offset: '2', high: '2', low: '0' }]);
    expect(await admin.fetchTopicOffsetsByTimestamp('b', 1500)).toEqual([{ partition: 0, offset: '1' }]);
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: running.listener.address.port }]);
    expect(cluster.clusterId).toHaveLength(22);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'a' }],
    });
    expect(resources[0]!.configEntries).toContainEqual(
      expect.objectContaining({ configName: 'cleanup.policy', configValue: 'delete' }),
    );
    await admin.deleteTopics({ topics: ['a'] });
    expect(await admin.listTopics()).toEqual(['b']);
    await admin.disconnect();
  });

  it('is told what is wrong with a topic', async () => {
    running = await startKafka();
    const admin = running.kafka.admin();
    await admin.connect();
    const create = (topic: object) => admin.createTopics({ topics: [{ topic: 'x', ...topic }] });
    await expect(create({ topic: '__x' })).rejects.toThrow();
    await expect(create({ numPartitions: 0 })).rejects.toThrow();
    await expect(create({ replicationFactor: 3 })).rejects.toThrow();
    await expect(create({ configEntries: [{ name: 'cleanup.policy', value: 'compact' }] })).rejects.toThrow();
    expect(await admin.listTopics()).toEqual([]);
    await admin.disconnect();
  });
});
