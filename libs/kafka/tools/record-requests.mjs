// Records what real clients send: node libs/kafka/tools/record-requests.mjs (after npm run build; kcat
// where it is installed, node-rdkafka after npm run suite:install).
// What other clients send was recorded in the same way, by hand.
// Writes src/__fixtures__/requests/<client>.json, the first requests of each API and version, which tests decode,
// encode and damage.
import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { KafkaListener, KafkaModule } from '@genrocks/kafka';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule } from '@genrocks/topics';
import { NestFactory } from '@nestjs/core';
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';

const FOLDER = new URL('../src/__fixtures__/requests/', import.meta.url);
const CLIENT = new URL('../../../test/fixtures/node-rdkafka-client.mjs', import.meta.url);
const PER_VERSION = 2;
/** SaslHandshake and SaslAuthenticate. */
const SASL = { keys: [17, 36], perVersion: 6 };
const USERS = { ada: 'lovelace' };
const MAX_BYTES = 4096;

/** A proxy in front of a broker that keeps the requests that pass through it. */
async function record(drive, { keys, perVersion = PER_VERSION } = {}) {
  const recorded = new Map();
  const keep = (frame) => {
    const key = frame.readUInt32BE(4);
    const kept = recorded.get(key) ?? [];
    if (keys !== undefined && !keys.includes(frame.readInt16BE(4))) return;
    if (kept.length < perVersion && frame.length <= MAX_BYTES)
      recorded.set(key, [...kept, frame.toString('hex')]);
  };
  let brokerPort;
  const proxy = createServer((client) => {
    const broker = connect(brokerPort, '127.0.0.1');
    let held = Buffer.alloc(0);
    client.on('data', (piece) => {
      broker.write(piece);
      held = Buffer.concat([held, piece]);
      for (; held.length >= 4 && held.length >= 4 + held.readInt32BE(0);) {
        const length = 4 + held.readInt32BE(0);
        keep(Buffer.from(held.subarray(0, length)));
        held = held.subarray(length);
      }
    });
    broker.pipe(client);
    client.on('close', () => broker.destroy()).on('error', () => {});
    broker.on('error', () => client.destroy());
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const { port } = proxy.address();
  const topics = TopicsModule.forRoot({ storage: EtsModule.forRoot() });
  const kafka = KafkaModule.forRoot({
    port: 0,
    advertisedPort: port,
    users: keys === undefined ? undefined : USERS,
  });
  const module = class {};
  Reflect.defineMetadata('imports', [topics, kafka], module);
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  brokerPort = app.get(KafkaListener).address.port;
  await drive(`127.0.0.1:${port}`);
  proxy.close();
  await app.close();
  return [...recorded.keys()].sort((a, b) => a - b).flatMap((key) => recorded.get(key));
}

async function driveKafkajs(bootstrap) {
  const kafka = new kafkajs.Kafka({
    brokers: [bootstrap],
    clientId: 'recorded',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2, configEntries: [] }] });
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  const headers = { from: 'kafkajs' };
  await producer.send({ topic: 'orders', messages: [{ key: 'ada', value: '42', headers }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 50, heartbeatInterval: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await new Promise((resolve) =>
    consumer.run({ autoCommitInterval: 10, eachMessage: async () => resolve() }),
  );
  await consumer.disconnect();
  await admin.listTopics();
  await admin.describeCluster();
  await admin.fetchTopicOffsets('orders');
  await admin.fetchTopicOffsetsByTimestamp('orders', 1);
  await admin.fetchOffsets({ groupId: 'billing', topics: ['orders'] });
  await admin.describeGroups(['billing']);
  await admin.listGroups();
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: 'orders' };
  await admin.describeConfigs({ includeSynonyms: true, resources: [resource] });
  await admin.alterConfigs({ validateOnly: true, resources: [{ ...resource, configEntries: [] }] });
  await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 3 }] });
  await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '-1' }] });
  await admin.deleteGroups(['billing']);
  await admin.deleteTopics({ topics: ['orders'] });
  await admin.disconnect();
}

async function drivePlatformatic(bootstrap) {
  const options = { clientId: 'recorded', bootstrapBrokers: [bootstrap] };
  const admin = new Admin(options);
  await admin.createTopics({ topics: ['orders'], partitions: 2, replicas: 1 });
  const producer = new Producer({ ...options, serializers: stringSerializers, idempotent: true });
  await producer.send({
    messages: [{ topic: 'orders', key: 'ada', value: '42', headers: { from: 'platformatic' } }],
  });
  await producer.close();
  const consumer = new Consumer({ ...options, groupId: 'billing', deserializers: stringDeserializers });
  const stream = await consumer.consume({
    topics: ['orders'],
    mode: 'earliest',
    maxWaitTime: 50,
    autocommit: true,
  });
  await once(stream, 'data');
  await consumer.close(true);
  await admin.listTopics();
  await admin.listGroups();
  await admin.describeGroups({ groups: ['billing'] });
  await admin.deleteGroups({ groups: ['billing'] });
  await admin.deleteTopics({ topics: ['orders'] });
  await admin.close();
}

async function driveKcat(bootstrap) {
  const run = async (args, input = '') => {
    const child = spawn('kcat', ['-b', bootstrap, ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(input);
    await once(child, 'exit');
  };
  await run(['-P', '-t', 'orders', '-K:', '-X', 'enable.idempotence=true', '-H', 'from=kcat'], 'ada:42\n');
  await run(['-P', '-t', 'orders', '-K:', '-z', 'gzip'], 'bob:43\n');
  await run(['-L']);
  await run(['-Q', '-t', 'orders:0:1']);
  await run(['-C', '-t', 'orders', '-o', 'beginning', '-e', '-q']);
  await run(['-G', 'billing', '-c', '2', '-X', 'auto.offset.reset=earliest', 'orders']);
}

async function runRdkafka(bootstrap, verb, options) {
  const json = JSON.stringify({ bootstrap, ...options });
  const child = spawn(process.execPath, [CLIENT.pathname, verb, json], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A consumer's destructor may hang, so it is not waited for.
  child.stdout.on('data', (text) => text.includes('"done"') && child.kill('SIGKILL'));
  await once(child, 'exit');
}

async function driveNodeRdkafka(bootstrap) {
  const run = (verb, options) => runRdkafka(bootstrap, verb, options);
  const orders = { topic: 'orders', num_partitions: 2, replication_factor: 1 };
  await run('administer', { steps: [['createTopic', orders]] });
  const headers = [{ from: 'node-rdkafka' }];
  await run('produce', { topic: 'orders', to: 2, key: 'ada', headers, conf: { 'enable.idempotence': true } });
  await run('describe', { topics: ['orders'] });
  await run('consume', { topics: ['orders'], group: 'billing', count: 2 });
  const steps = [
    ['createPartitions', 'orders', 3],
    ['deleteTopic', 'orders'],
  ];
  await run('administer', { steps });
}

async function logInWithKafkajs(bootstrap) {
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512']) {
    const sasl = { mechanism, username: 'ada', password: USERS.ada };
    const kafka = new kafkajs.Kafka({ brokers: [bootstrap], clientId: 'recorded', sasl });
    const admin = kafka.admin();
    await admin.connect();
    await admin.disconnect();
  }
}

async function logInWithNodeRdkafka(bootstrap) {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    const conf = {
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanism': mechanism,
      'sasl.username': 'ada',
      'sasl.password': USERS.ada,
    };
    await runRdkafka(bootstrap, 'administer', { conf, steps: [['deleteTopic', 'nothing']] });
  }
}

mkdirSync(FOLDER, { recursive: true });
for (const [client, drive, kept] of [
  ['kafkajs', driveKafkajs],
  ['platformatic', drivePlatformatic],
  ['librdkafka', driveKcat],
  ['node-rdkafka', driveNodeRdkafka],
  ['kafkajs-sasl', logInWithKafkajs, SASL],
  ['node-rdkafka-sasl', logInWithNodeRdkafka, SASL],
]) {
  const requests = await record(drive, kept).catch((error) => console.error(`${client}: ${error.stack}`));
  if (requests === undefined) continue;
  writeFileSync(new URL(`${client}.json`, FOLDER), `${JSON.stringify(requests, undefined, 2)}\n`);
  console.log(`${client}: ${requests.length} requests`);
}
process.exit();
