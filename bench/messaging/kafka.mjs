/**
 * npm run bench:kafka -- [--quick] [--no-peers] [--rounds 3] [--ms 1500] [--dir DIR] [--out DIR]
 *
 * The broker through librdkafka (kcat) and kafkajs, beside Redis Streams, NATS JetStream and RabbitMQ through their Node
 * clients, where those are installed; and the disk's own limit.
 */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ceiling, growing } from '../storage/outside.mjs';
import { kcat, messageFile, startBroker } from './broker.mjs';
import {
  besideOthers,
  consumeTitle,
  diskLines,
  produceTitle,
  shareOfDisk,
  START,
  startGoal,
} from './kafka-goals.mjs';
import { rdkafkaPerformance } from './rdkafka-performance.mjs';
import { log, measure, number, peersInstalled, publish, runInChild, settings, tryStart } from './rounds.mjs';
import { startNats, startRabbit, startRedis } from './servers.mjs';

const IN_FLIGHT = 256;
const FIRST_MESSAGE = fileURLToPath(new URL('./first-message.mjs', import.meta.url));

const chosen = settings(
  { rounds: 3, ms: 1500, sizes: [1024, 100], backlog: 30_000, megabytes: 400, deviceMs: 700 },
  { rounds: 1, ms: 100, sizes: [1024], backlog: 1_000, megabytes: 4, deviceMs: 20 },
);
const { rounds, ms, sizes, backlog, megabytes, deviceMs, scratch } = chosen;

const broker = await startBroker(join(scratch, 'genrocks'));
const rdkafka = kcat();
if (rdkafka === undefined) log('left out: librdkafka (kcat is not installed)');
const performanceClient = rdkafkaPerformance(join(scratch, 'rdkafka'));
if (performanceClient.missing) log(`left out: rdkafka_performance (${performanceClient.missing})`);
const { servers, contenders } = await startPeers();

async function startPeers() {
  const contenders = [];
  const servers = [];
  const add = async (name, start, drivers) => {
    const server = await tryStart(name, start);
    if (server === undefined) return;
    servers.push(server);
    for (const { label, driver, settings = server.settings, durable = server.durable } of drivers) {
      const name = `${label} ${server.version}`;
      contenders.push({ name, settings, driver, durable, address: { port: server.port } });
    }
  };
  if (!peersInstalled(chosen.peers)) return { servers, contenders };
  for (const fsync of ['always', 'everysec']) {
    await add('redis-server', () => startRedis(join(scratch, `redis-${fsync}`), fsync), [
      { label: 'Redis Streams', driver: 'redisStreams' },
    ]);
  }
  await add('nats-server', () => startNats(join(scratch, 'nats')), [
    { label: 'NATS JetStream', driver: 'jetStream' },
  ]);
  await add('rabbitmq-server', () => startRabbit(join(scratch, 'rabbit')), [
    {
      label: 'RabbitMQ quorum queue',
      driver: 'rabbitQuorum',
      settings: 'synced write-ahead log',
      durable: true,
    },
    {
      label: 'RabbitMQ stream',
      driver: 'rabbitStream',
      settings: 'file storage, acknowledged before any sync',
      durable: false,
    },
  ]);
  return { servers, contenders };
}

/** Adds what the broker's process took, and how much it gave the device at once. */
async function watched(run) {
  const [cpu, before] = [broker.cpuMicros(), await broker.written()];
  const sample = await run();
  const after = await broker.written();
  const syncs = after.syncs - before.syncs;
  return {
    ...sample,
    brokerMicros: (broker.cpuMicros() - cpu) / sample.messages,
    bytesPerSync: syncs > 0 ? (after.bytes - before.bytes) / syncs : 0,
  };
}

/**
 * Adds what the device gives a plain loop of write and fdatasync with as much a sync as the cell had. Measured right
 * after it, in every round: a device that others use too is twice as fast at one moment as at another.
 */
function besideDevice(sample, bytes) {
  const perSync = Math.round(sample.bytesPerSync);
  if (!(perSync > 0)) return sample;
  spawnSync('sync');
  const directory = join(scratch, 'device');
  const bandwidth = (loop) => (loop(directory, perSync, deviceMs) * perSync) / 1e6;
  const newSpace = bandwidth(growing);
  const writtenBefore = bandwidth(ceiling);
  rmSync(directory, { recursive: true });
  const share = (limit) => (sample.perSecond * bytes) / 1e4 / limit;
  return {
    ...sample,
    newSpace,
    writtenBefore,
    shareOfNewSpace: share(newSpace),
    shareOfWrittenBefore: share(writtenBefore),
  };
}

function messages(bytes) {
  const count = Math.ceil(((bytes === 1024 ? megabytes : megabytes / 2) * 1e6) / bytes / 1000) * 1000;
  return { count, file: messageFile(join(scratch, `messages-${bytes}`), count, bytes) };
}

function rdkafkaCells(bytes) {
  if (rdkafka === undefined) return [];
  const { count, file } = messages(bytes);
  return [1, 12].flatMap((partitions) => [
    {
      section: produceTitle(bytes),
      name: `GenRocks, librdkafka, ${shown(partitions)}`,
      settings: 'sync always, acks=all',
      run: () =>
        broker.withTopic(partitions, async (topic) => {
          const sample = await watched(async () => {
            const seconds = await rdkafka.produce(broker.bootstrap, topic, file);
            return { messages: count, perSecond: count / seconds };
          });
          return besideDevice(sample, bytes);
        }),
    },
    {
      section: consumeTitle(bytes),
      name: `GenRocks, librdkafka, ${shown(partitions)}`,
      settings: 'sync always',
      run: () =>
        broker.withTopic(partitions, async (topic) => {
          await rdkafka.produce(broker.bootstrap, topic, file);
          return watched(async () => {
            const seconds = await rdkafka.consume(broker.bootstrap, topic, count);
            return { messages: count, perSecond: count / seconds };
          });
        }),
    },
  ]);
}

/** librdkafka without a command line to feed it: what it sends it makes itself, so that it is not the limit. */
function performanceCells(bytes) {
  if (performanceClient.missing) return [];
  const { count } = messages(bytes);
  const cell = (partitions, way, settings) => ({
    section: produceTitle(bytes),
    name: `GenRocks, rdkafka_performance${way}, ${shown(partitions)}`,
    settings: 'sync always, acks=all',
    run: () =>
      broker.withTopic(partitions, async (topic) => {
        const sample = await watched(async () => {
          const task = { bootstrap: broker.bootstrap, topic, count, bytes, settings };
          const { seconds, cpuMicros } = await performanceClient.produce(task);
          return { messages: count, perSecond: count / seconds, cpuMicros: cpuMicros / count };
        });
        return besideDevice(sample, bytes);
      }),
  });
  return [1, 12].flatMap((partitions) => [
    cell(partitions, '', {}),
    cell(partitions, ', idempotent', { 'enable.idempotence': true }),
  ]);
}

function kafkajsCells(bytes) {
  const cell = (section, way, partitions, task) => ({
    section,
    name: `GenRocks, kafkajs, ${way}${partitions > 1 ? `, ${shown(partitions)}` : ''}`,
    settings: 'sync always, acks=all',
    run: () =>
      broker.withTopic(partitions, (topic) => {
        const address = { bootstrap: broker.bootstrap, topic, partitions, batch: task.batch ?? 1 };
        return runInChild({ driver: 'kafka', address, bytes, ms, ...task });
      }),
  });
  const produce = { mode: 'produce' };
  const batch = bytes === 1024 ? 500 : 2000;
  return [
    cell(produceTitle(bytes), 'one send at a time', 1, { ...produce, inFlight: 1 }),
    cell(produceTitle(bytes), `${IN_FLIGHT} sends on their way`, 1, { ...produce, inFlight: IN_FLIGHT }),
    cell(produceTitle(bytes), `batches of ${batch}`, 1, { ...produce, inFlight: 4, batch }),
    cell(produceTitle(bytes), `batches of ${batch}`, 12, { ...produce, inFlight: 12, batch }),
    cell(consumeTitle(bytes), 'eachBatch', 1, { mode: 'consume', inFlight: 4, batch, count: 4 * backlog }),
  ];
}

function peerCells(bytes) {
  return contenders.flatMap(({ name, settings, driver, address }) => {
    const task = { driver, address, bytes, ms, inFlight: IN_FLIGHT };
    return [
      { section: produceTitle(bytes), name, settings, run: () => runInChild({ ...task, mode: 'produce' }) },
      {
        section: consumeTitle(bytes),
        name,
        settings,
        run: () => runInChild({ ...task, mode: 'consume', count: backlog }),
      },
    ];
  });
}

async function firstMessage() {
  const child = fork(FIRST_MESSAGE, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exit = once(child, 'exit');
  const [{ startMs }] = await once(child, 'message');
  await exit;
  return { perSecond: 1000 / startMs, p50: startMs, p99: startMs };
}

const shown = (partitions) => (partitions === 1 ? '1 partition' : `${partitions} partitions`);

const cells = [
  ...sizes.flatMap((bytes) => [
    ...rdkafkaCells(bytes),
    ...performanceCells(bytes),
    ...kafkajsCells(bytes),
    ...peerCells(bytes),
  ]),
  { section: START, name: 'createTestingModule to a kafkajs handler', settings: 'ets', run: firstMessage },
];
log(`${cells.length} cells, ${rounds} rounds`);
let results;
try {
  results = await measure(cells, rounds);
} finally {
  for (const server of [...servers, broker]) await server.stop();
}

const isDurable = (row) =>
  contenders.some(({ name, settings, durable }) => durable && name === row.name && settings === row.settings);
const goals = [
  ...sizes.flatMap((bytes) => besideOthers(results, bytes, isDurable)),
  ...shareOfDisk(results),
  startGoal(results),
];
const extra = ['', '## The disk and the client', '', ...diskLines(results)];
for (const bytes of rdkafka === undefined ? [] : sizes) {
  const { count, file } = messages(bytes);
  const runs = [];
  for (let i = 0; i < rounds; i++) runs.push(count / (await rdkafka.produceToMock(file)));
  const perSecond = runs.sort((a, b) => a - b)[runs.length >> 1];
  extra.push(
    `- ${bytes} B, librdkafka into its own mock of a broker, which stores nothing: ${number(perSecond)}/s, so much this client gives at most`,
  );
}
publish('kafka', chosen, {
  title: 'Kafka: the broker beside other queues',
  command: `npm run bench:kafka -- --rounds ${rounds} --ms ${ms}`,
  notes: [
    `Median of the rounds, each client in a process of its own. Others are sent single messages, ${IN_FLIGHT} on their way, and`,
    'acknowledge what they consume; a backlog is timed from its first message to its last. librdkafka is kcat, timed from its',
    'start to its exit after the last message; rdkafka_performance is librdkafka too, timed from its first message to its last',
    'delivery report. CPU is that of the client. Durable are those that sync before they acknowledge. The disk is measured',
    'beside each cell and in each round, and shares of it are medians of the rounds.',
  ],
  results,
  goals,
  extra,
});
