/**
 * npm run bench:topics -- [--quick] [--no-peers] [--rounds 5] [--ms 2000] [--dir DIR] [--out DIR]
 *
 * From publish to handler in one process: GenRocks beside BullMQ on Redis and NATS JetStream, where those are installed.
 */
import { join } from 'node:path';
import { log, measure, peersInstalled, publish, runInChild, settings, tryStart } from './rounds.mjs';
import { startNats, startRedis } from './servers.mjs';

const IN_FLIGHT = 256;
const RATE = 1000;
const DISK_LOG = 'GenRocks, disk_log';
const FLOOR = 'no queue at all';

const chosen = settings({ rounds: 5, ms: 2000, sizes: [1024, 100] }, { rounds: 1, ms: 200, sizes: [1024] });
const { rounds, ms, sizes, scratch } = chosen;

const contenders = [
  { name: DISK_LOG, settings: 'sync always', driver: 'topics', address: ours('disk_log') },
  { name: 'GenRocks, ets', settings: 'in memory', driver: 'topics', address: ours('ets') },
  { name: FLOOR, settings: 'a synced write for what waits', driver: 'bareLog', address: ours('none') },
];
const servers = [];
if (peersInstalled(chosen.peers)) {
  for (const fsync of ['everysec', 'always']) {
    const redis = await tryStart('redis-server', () => startRedis(join(scratch, `redis-${fsync}`), fsync));
    if (redis === undefined) continue;
    servers.push(redis);
    const name = `BullMQ on Redis ${redis.version}`;
    contenders.push({ name, settings: redis.settings, driver: 'bullmq', address: { port: redis.port } });
  }
  const nats = await tryStart('nats-server', () => startNats(join(scratch, 'nats')));
  if (nats !== undefined) {
    servers.push(nats);
    const name = `JetStream of NATS ${nats.version}`;
    contenders.push({ name, settings: nats.settings, driver: 'jetStream', address: { port: nats.port } });
  }
}

function ours(storage) {
  return { directory: join(scratch, 'genrocks'), storage };
}

const throughTitle = (bytes) => `${bytes} B, ${IN_FLIGHT} publishes on their way`;
const pacedTitle = (bytes) => `${bytes} B, ${RATE.toLocaleString('en')} messages a second`;
const cells = sizes.flatMap((bytes) =>
  contenders.flatMap(({ name, settings, driver, address }) => [
    {
      section: throughTitle(bytes),
      name,
      settings,
      run: () => runInChild({ driver, address, bytes, mode: 'through', ms, inFlight: IN_FLIGHT }),
    },
    {
      section: pacedTitle(bytes),
      name,
      settings,
      run: () => runInChild({ driver, address, bytes, mode: 'paced', ms, rate: RATE }),
    },
  ]),
);
log(`${cells.length} cells, ${rounds} rounds of ${ms} ms each`);
let results;
try {
  results = await measure(cells, rounds);
} finally {
  for (const server of servers) await server.stop();
}

const row = (section, start) =>
  results.find((one) => one.section === section && one.name.startsWith(start.name) && fits(one, start));
const fits = (one, { settings = '' }) => one.settings.includes(settings);
const rivals = [
  { label: 'BullMQ, Redis everysec', name: 'BullMQ', settings: 'everysec', times: 10 },
  { label: 'BullMQ, Redis always', name: 'BullMQ', settings: 'always', times: 10 },
  { label: 'JetStream', name: 'JetStream', times: 5 },
];
const goals = sizes.flatMap((bytes) => [
  ...rivals.map((rival) => {
    const mine = row(throughTitle(bytes), { name: DISK_LOG });
    const theirs = row(throughTitle(bytes), rival);
    const value = theirs && mine.perSecond / theirs.perSecond;
    return { name: `${bytes} B: times ${rival.label}`, value, must: rival.times, unit: ' x' };
  }),
  ...rivals.map((rival) => {
    const mine = row(pacedTitle(bytes), { name: DISK_LOG });
    const theirs = row(pacedTitle(bytes), rival);
    const name = `${bytes} B: p99 at ${RATE}/s against ${rival.label}`;
    return { name, value: mine.p99, must: theirs?.p99, unit: ' ms', atMost: true };
  }),
]);

publish('topics', chosen, {
  title: 'Topics: from publish to handler in one process',
  command: `npm run bench:topics -- --rounds ${rounds} --ms ${ms}`,
  notes: [
    'Median of the rounds, each in a process of its own. Every publish waits for its acknowledgement; the time goes until',
    'the handler has had every message, and latencies are from the call of publish to the call of the handler. CPU is',
    'that of the process with publisher and handler: for GenRocks storage is in it, servers of others are not.',
    'Latencies count from the fourth second of a process; the file system is synced before each cell. "No queue at all"',
    'is what this disk and process give at most: whatever waits goes into a file of zeros by one synced write.',
  ],
  results,
  goals,
});
