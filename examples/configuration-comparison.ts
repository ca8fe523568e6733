import type { BrokerClient } from './lib/broker-client.js';
import { BrokerProcess } from './lib/broker-process.js';
import { type Dataset, flights } from './lib/datasets.js';
import { readAll } from './lib/loader.js';
import type { Example, Stage } from './lib/stage.js';

interface Setting {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether acknowledged messages survive the end of the process. */
  readonly survivesKill: boolean;
  readonly powerLoss: string;
}

const SETTINGS: readonly Setting[] = [
  {
    name: 'disk_log always',
    env: { GENROCKS_STORAGE: 'disk_log', GENROCKS_SYNC: 'always' },
    survivesKill: true,
    powerLoss: 'nothing acknowledged',
  },
  {
    name: 'disk_log interval',
    env: { GENROCKS_STORAGE: 'disk_log', GENROCKS_SYNC: 'interval', GENROCKS_SYNC_INTERVAL_MS: '100' },
    survivesKill: true,
    powerLoss: 'the last 100 ms',
  },
  {
    name: 'disk_log os',
    env: { GENROCKS_STORAGE: 'disk_log', GENROCKS_SYNC: 'os' },
    survivesKill: true,
    powerLoss: 'what the OS had not written',
  },
  { name: 'ets', env: { GENROCKS_STORAGE: 'ets' }, survivesKill: false, powerLoss: 'everything' },
];

interface Measured {
  readonly setting: Setting;
  readonly bulkPerSecond: number;
  readonly single: { p50: number; p99: number };
  readonly parallelPerSecond: number;
  readonly acknowledged: number;
  readonly afterKill: number;
}

export const configurationComparison: Example = {
  name: 'configuration-comparison',
  summary: 'the same flights under every durability setting: speed, latency, and what a kill -9 leaves',
  async run(stage: Stage): Promise<void> {
    const dataset = stage.short ? flights('2k') : flights('20k');
    const singles = stage.short ? 100 : 500;
    const rows: Measured[] = [];
    stage.heading(
      `${dataset.messages.length} flights in bulk, then ${singles} one by one, then by 64 publishers`,
    );
    for (const setting of SETTINGS) {
      stage.say(setting.name);
      rows.push(await measure(stage, setting, dataset, singles));
    }
    stage.heading('Measured over HTTP, on this machine, just now');
    console.table(Object.fromEntries(rows.map((row) => [row.setting.name, toColumns(row)])));
    for (const { setting, acknowledged, afterKill } of rows) {
      const expected = setting.survivesKill ? acknowledged : 0;
      stage.check(
        afterKill === expected,
        `${setting.name}: ${afterKill} of ${acknowledged} acknowledged messages after kill -9`,
      );
    }
  },
};

async function measure(stage: Stage, setting: Setting, dataset: Dataset, singles: number): Promise<Measured> {
  const { topic, partitions, messages } = dataset;
  const broker = new BrokerProcess(stage, {
    GENROCKS_LOG_DIR: stage.directory(),
    ...setting.env,
  });
  let client = await broker.start();
  await client.createTopic(topic, partitions);

  const bulkSeconds = await seconds(() => client.publishLines(topic, messages));
  const latencies: number[] = [];
  for (const message of messages.slice(0, singles)) {
    latencies.push(1000 * (await seconds(() => client.publish(topic, message))));
  }
  const parallelSeconds = await seconds(() => publishBy64(client, topic, messages.slice(0, 4 * singles)));
  const acknowledged = messages.length + singles + 4 * singles;

  await broker.kill();
  client = await broker.start();
  const exists = await client.topic(topic).then(
    () => true,
    () => false,
  );
  const afterKill = exists ? (await readAll(client, topic)).flat().length : 0;
  await broker.stop();
  return {
    setting,
    bulkPerSecond: messages.length / bulkSeconds,
    single: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) },
    parallelPerSecond: (4 * singles) / parallelSeconds,
    acknowledged,
    afterKill,
  };
}

/** Runs 64 publishers that each wait for their message to be durable. The broker syncs once for many of them. */
async function publishBy64(
  client: BrokerClient,
  topic: string,
  messages: Dataset['messages'],
): Promise<void> {
  let next = 0;
  const publisher = async () => {
    while (next < messages.length) await client.publish(topic, messages[next++]!);
  };
  await Promise.all(Array.from({ length: 64 }, publisher));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}

function toColumns({ setting, bulkPerSecond, single, parallelPerSecond, acknowledged, afterKill }: Measured) {
  return {
    'NDJSON msg/s': Math.round(bulkPerSecond),
    'one by one p50 ms': Number(single.p50.toFixed(2)),
    'p99 ms': Number(single.p99.toFixed(2)),
    '64 publishers msg/s': Math.round(parallelPerSecond),
    'lost by kill -9': acknowledged - afterKill,
    'a power loss may take': setting.powerLoss,
  };
}
