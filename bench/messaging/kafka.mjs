/**
 * npm run bench:kafka -- [--quick] [--no-peers] [--rounds 3] [--ms 1500] [--dir DIR] [--out DIR]
 *
 * The broker through librdkafka (kcat) and kafkajs, beside Redis Streams, NATS JetStream and RabbitMQ through their Node
 * clients, where those are installed; and the disk's own limit.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ceiling, growing } from '../storage/outside.mjs';
import { kcat, messageFile, startBroker } from './broker.mjs';
import { rdkafkaPerformance } from './rdkafka-performance.mjs';
import { log, measure, number, peersInstalled, publish, runInChild, settings, tryStart } from './rounds.mjs';
import { startNats, startRabbit, startRedis } from './servers.mjs';

const IN_FLIGHT = 256;
const FIRST_MESSAGE = fileURLToPath(new URL('./first-message.mjs', import.meta.url));

const chosen = settings(
  { rounds: 3, ms: 1500, sizes: [1024, 100], backlog: 30_000, megabytes: 200 },
  { rounds: 1, ms: 100, sizes: [1024], backlog: 1_000, megabytes: 4 },
);
const { rounds, ms, sizes, backlog, megabytes, scratch } = chosen;

const produceTitle = (bytes) => `Produce, ${bytes} B, acknowledged`;
const consumeTitle = (bytes) => `Consume a backlog, ${bytes} B`;
const START = 'First message in a test';

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
        broker.withTopic(partitions, (topic) =>
          watched(async () => {
            const seconds = await rdkafka.produce(broker.bootstrap, topic, file);
            return { messages: count, perSecond: count / seconds };
          }),
        ),
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
      broker.withTopic(partitions, (topic) =>
        watched(async () => {
          const task = { bootstrap: broker.bootstrap, topic, count, bytes, settings };
          const { seconds, cpuMicros } = await performanceClient.produce(task);
          return { messages: count, perSecond: count / seconds, cpuMicros: cpuMicros / count };
        }),
      ),
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

const rows = (section, start) =>
  results.filter((one) => one.section === section && one.name.startsWith(start));
const best = (found) => found.sort((a, b) => b.perSecond - a.perSecond)[0];
const isDurable = (row) =>
  contenders.some(({ name, settings, durable }) => durable && name === row.name && settings === row.settings);
const rivals = (section) =>
  results.filter((row) => row.section === section && !row.name.startsWith('GenRocks'));

const goals = [];
for (const bytes of sizes) {
  for (const [title, times] of [
    [produceTitle(bytes), 10],
    [consumeTitle(bytes), 5],
  ]) {
    const rival = best(rivals(title).filter(isDurable));
    for (const client of ['librdkafka', 'rdkafka_performance']) {
      const mine = best(rows(title, `GenRocks, ${client}`));
      // It is for producing only.
      if (client === 'rdkafka_performance' && mine === undefined) continue;
      goals.push({
        name: `${title}: ${client === 'librdkafka' ? 'kcat' : client}, times ${rival?.name ?? 'others'}`,
        value: rival && mine && mine.perSecond / rival.perSecond,
        must: times,
        unit: ' x',
      });
    }
    const any = best(rivals(title));
    const kafkajs = best(rows(title, 'GenRocks, kafkajs'));
    goals.push({
      name: `${title}: kafkajs, times ${any?.name ?? 'others'}`,
      value: any && kafkajs.perSecond / any.perSecond,
      must: 1,
      unit: ' x',
    });
  }
}
const extra = ['', '## The disk and the client', ''];
for (const [section, partitions] of sizes.flatMap((bytes) => [
  [produceTitle(bytes), 1],
  [produceTitle(bytes), 12],
])) {
  const [mine] = rows(section, `GenRocks, librdkafka, ${shown(partitions)}`);
  if (mine === undefined || !(mine.bytesPerSync > 0)) continue;
  const directory = join(scratch, 'ceiling');
  const perSync = Math.round(mine.bytesPerSync);
  const bandwidth = (loop) => (loop(directory, perSync, chosen.quick ? 50 : 2000) * perSync) / 1e6;
  const limits = [
    ['new space', bandwidth(growing)],
    ['space written before', bandwidth(ceiling)],
  ];
  rmSync(directory, { recursive: true });
  const bytes = Number(/(\d+) B/.exec(section)[1]);
  const megabytesPerSecond = (mine.perSecond * bytes) / 1e6;
  extra.push(
    `- ${bytes} B, librdkafka, ${shown(partitions)}: ${number(megabytesPerSecond)} MB/s of messages, ${number(perSync / 1024)} KiB a sync;` +
      ` a plain loop of write and fdatasync with as much a sync: ${limits.map(([where, limit]) => `${number(limit)} MB/s into ${where}`).join(', ')}`,
  );
  if (bytes === 1024) {
    for (const [where, limit] of limits) {
      goals.push({
        name: `${bytes} B, librdkafka, ${shown(partitions)}: share of the disk's durable bandwidth into ${where}`,
        value: (100 * megabytesPerSecond) / limit,
        must: 40,
        unit: ' %',
      });
    }
  }
}
for (const bytes of rdkafka === undefined ? [] : sizes) {
  const { count, file } = messages(bytes);
  const runs = [];
  for (let i = 0; i < rounds; i++) runs.push(count / (await rdkafka.produceToMock(file)));
  const perSecond = runs.sort((a, b) => a - b)[runs.length >> 1];
  extra.push(
    `- ${bytes} B, librdkafka into its own mock of a broker, which stores nothing: ${number(perSecond)}/s, so much this client gives at most`,
  );
}
goals.push({
  name: 'first message through an embedded broker',
  value: rows(START, '')[0]?.p50,
  must: 300,
  unit: ' ms',
  atMost: true,
});

publish('kafka', chosen, {
  title: 'Kafka: the broker beside other queues',
  command: `npm run bench:kafka -- --rounds ${rounds} --ms ${ms}`,
  notes: [
    `Median of the rounds, each client in a process of its own. Others are sent single messages, ${IN_FLIGHT} on their way, and`,
    'acknowledge what they consume; a backlog is timed from its first message to its last. librdkafka is kcat, timed from its',
    'start to its exit after the last message; rdkafka_performance is librdkafka too, timed from its first message to its last',
    'delivery report. CPU is that of the client. Durable are those that sync before they acknowledge.',
  ],
  results,
  goals,
  extra,
});
