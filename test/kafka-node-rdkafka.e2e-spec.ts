import { afterEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka, temporaryDirectory } from './kafka-harness.js';
import { lastingPort } from './lasting-port.js';
import { hasNodeRdkafka, RdkafkaClient, whyNotNodeRdkafka } from './node-rdkafka.js';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
/** Members that are gone are missed soon, and new ones looked for often. */
const GROUP = { 'session.timeout.ms': 6_000, 'heartbeat.interval.ms': 100, 'fetch.wait.max.ms': 50 };

const values = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `value ${from + i}`);

describe.runIf(hasNodeRdkafka)(`node-rdkafka${whyNotNodeRdkafka}`, () => {
  let running: RunningKafka;
  const clients: RdkafkaClient[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.kill()));
    await running.stop();
  });

  function client(verb: string, options: object): RdkafkaClient {
    const started = new RdkafkaClient(verb, { bootstrap: running.bootstrap, ...options });
    clients.push(started);
    return started;
  }

  const produce = (options: object) => client('produce', options).ended();

  /** Reads as a member of a group until it has `count` messages. */
  async function consume(count: number, options: object) {
    const facts = await client('consume', { conf: GROUP, count, ...options }).until((told) =>
      told.some(({ done }) => done === true),
    );
    return facts.filter(({ value }) => value !== undefined);
  }

  async function valuesHere(topic: string): Promise<string[]> {
    const { messages } = await running.topics.topic(topic).partition(0).readMessages({ offset: 0 });
    return messages.map(({ valueBytes }) => valueBytes!.toString());
  }

  it('produces to a topic that is created on the way, and Nest reads it all; and the other way', async () => {
    running = await startKafka();
    const told = await produce({
      topic: 't',
      to: 1,
      key: 'ada',
      headers: [{ from: 'rdkafka' }],
      timestamp: 1_700_000_000_000,
    });
    expect(told.at(-1)).toEqual({ reports: [{ topic: 't', at: 0, offset: 0 }] });
    const { messages } = await running.topics.topic('t').partition(0).readMessages({ offset: 0 });
    expect(messages[0]).toMatchObject({ key: 'ada', timestamp: 1_700_000_000_000 });
    expect(messages[0]!.headers).toEqual({ from: 'rdkafka' });
    await running.topics.publish('t', { key: 'bob', value: 7, headers: { from: 'nest' }, timestamp: 5_000 });
    expect(await consume(2, { topics: ['t'], group: 'g' })).toMatchObject([
      { offset: 0, key: 'ada', value: 'value 0', timestamp: 1_700_000_000_000 },
      { offset: 1, key: 'bob', value: '7', timestamp: 5_000 },
    ]);
    expect(running.topics.groups.committed('g', 't', 0)?.offset).toBe(2);
  });

  it.each(CODECS)('produces and consumes with codec %s', async (codec) => {
    running = await startKafka();
    const conf = { 'compression.codec': codec, 'linger.ms': 300 };
    await produce({ topic: 't', to: 100, isTopicAskedFor: true, conf });
    expect(await valuesHere('t')).toEqual(values(0, 100));
    const { batches } = await running.topics.topic('t').partition(0).readBatches({ offset: 0 });
    // What gets no smaller by it, such as a single small message, goes as it is.
    expect(Math.max(...batches.map((batch) => batch.readInt16BE(21) & 7))).toBe(CODECS.indexOf(codec));
    const read = await consume(100, { topics: ['t'], group: 'g' });
    expect(read.map(({ value }) => value)).toEqual(values(0, 100));
  });

  it('shares partitions within a group, and again when a member leaves', async () => {
    running = await startKafka({ topics: { topics: [{ name: 't', partitions: 4 }] } });
    const members = client('share', { conf: GROUP, topics: ['t'], group: 'g' });
    const owned = (told: readonly Record<string, unknown>[]) =>
      (told.at(-1)?.['assignments'] ?? [[], []]) as number[][];
    const all = [0, 1, 2, 3];
    const halves = await members.until((told) => owned(told).every(({ length }) => length === 2));
    expect(owned(halves).flat().sort()).toEqual(all);
    members.go();
    const alone = await members.until((told) => owned(told)[1]!.length === 4);
    expect(owned(alone)).toEqual([[], all]);
  });

  it('administers topics', async () => {
    const directory = temporaryDirectory();
    running = await startKafka({ logDir: directory.path });
    const orders = { topic: 'orders', num_partitions: 2, replication_factor: 1 };
    const steps = [
      ['createTopic', orders],
      ['createTopic', orders],
      ['createPartitions', 'orders', 3],
      ['createTopic', { ...orders, topic: 'sized', config: { 'segment.bytes': '2000000' } }],
      ['createTopic', { ...orders, topic: 'short-lived', config: { 'retention.ms': '1000' } }],
      ['deleteTopic', 'sized'],
    ];
    const codes = await client('administer', { steps }).ended();
    const [topicAlreadyExists, invalidConfig] = [36, 40];
    expect(codes.map(({ code }) => code)).toEqual([0, topicAlreadyExists, 0, 0, invalidConfig, 0]);
    expect(running.topics.topic('orders').partitions).toHaveLength(3);
    await running.topics.publish('orders', { value: 1, partition: 0 });
    expect(await client('describe', { topics: ['orders'] }).ended()).toEqual([
      { topic: 'orders', partitions: 3, brokers: 1 },
      { low: 0, high: 1 },
    ]);
    await running.stop();
    directory.remove();
  });

  it('goes on over a restart in the middle: idempotent, nothing is lost and nothing doubled', async () => {
    const directory = temporaryDirectory();
    const port = await lastingPort();
    const topics = { topics: [{ name: 'ledger' }] };
    running = await startKafka({ logDir: directory.path, topics, kafka: { port } });
    const group = { topics: ['ledger'], group: 'audit' };
    const reader = client('consume', { conf: GROUP, count: 1_000, ...group });
    const conf = { 'enable.idempotence': true, 'linger.ms': 1 };
    const writer = client('produce', { topic: 'ledger', to: 500, perBatch: 10, conf });
    await writer.until((told) => told.length >= 100);
    await reader.until((told) => told.some(({ value }) => value === 'value 50'));
    await running.stop();
    running = await startKafka({ logDir: directory.path, kafka: { port } });
    const { reports } = (await writer.ended()).at(-1) as { reports: { offset: number }[] };
    expect(reports.map(({ offset }) => offset)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(await valuesHere('ledger')).toEqual(values(0, 500));
    const told = await reader.until((facts) => facts.some(({ value }) => value === 'value 499'));
    // What was read and not committed when the broker went is read again.
    expect(new Set(told.flatMap(({ value }) => value ?? []))).toEqual(new Set(values(0, 500)));
    await reader.kill();
    await running.stop();
    directory.remove();
  });
});
