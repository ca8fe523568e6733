import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerClient } from './lib/broker-client.js';
import { BrokerProcess } from './lib/broker-process.js';
import { type Dataset, earthquakes, flights, weather } from './lib/datasets.js';
import { GroupReader } from './lib/group-reader.js';
import { type Audit, audit, Ledger } from './lib/ledger.js';
import { load, readAll } from './lib/loader.js';
import type { Example, Stage } from './lib/stage.js';

const GROUP = 'analytics';

/** One data set with its ledger and its reader. */
interface Lane {
  readonly dataset: Dataset;
  readonly ledger: Ledger;
  readonly reader: GroupReader;
}

export const crashRecovery: Example = {
  name: 'crash-recovery',
  summary: 'kill -9 the broker while data sets are loaded and consumed; nothing acknowledged is lost',
  async run(stage: Stage): Promise<void> {
    const datasets = stage.short ? [flights('2k'), weather()] : [flights('20k'), earthquakes(), weather()];
    const kills = stage.short ? 1 : 3;
    const broker = new BrokerProcess(stage, {
      GENROCKS_LOG_DIR: stage.directory(),
    });

    stage.heading('Start the broker on the disk log, sync: always');
    let client = await broker.start();
    const lanes = datasets.map((dataset): Lane => {
      const reader = new GroupReader(broker, dataset.topic, `${GROUP}-${dataset.topic}`);
      return { dataset, ledger: new Ledger(dataset), reader };
    });
    for (const { topic, partitions, keyedBy, messages } of datasets) {
      await client.createTopic(topic, partitions);
      stage.say(`${topic}: ${messages.length} rows, ${partitions} partitions, key: ${keyedBy}`);
    }

    stage.heading('Load over HTTP as NDJSON, consume in groups, and kill -9 in the middle');
    const reading = Promise.all(lanes.map(({ reader }) => reader.run()));
    const loading = Promise.all(lanes.map(({ ledger }) => load(broker, ledger)));
    client = await killSeveralTimes(stage, broker, lanes, kills, client);
    const loads = await loading;
    const resent = loads.reduce((sum, load) => sum + load.resent, 0);
    stage.say(`everything loaded; ${resent} rows had no answer when the broker died and were sent again`);
    for (const { dataset, reader } of lanes) {
      const { partitions } = await client.topic(dataset.topic);
      await reader.finishAt(partitions.map((partition) => partition.end_offset));
    }
    await reading;

    for (const lane of lanes) await judge(stage, client, lane);
    await broker.stop();
  },
};

async function killSeveralTimes(
  stage: Stage,
  broker: BrokerProcess,
  lanes: readonly Lane[],
  kills: number,
  first: BrokerClient,
): Promise<BrokerClient> {
  let client = first;
  const { ledger, dataset } = lanes[0]!;
  for (let kill = 1; kill <= kills; kill++) {
    await ledger.reached((dataset.messages.length * kill) / (kills + 1));
    // Kill the broker at some point during the next requests.
    await sleep(Math.random() * 20);
    await broker.kill();
    const acknowledged = lanes.map((lane) => `${lane.ledger.acknowledged.size} ${lane.dataset.topic}`);
    stage.say(`kill -9 (${kill} of ${kills}); acknowledged so far: ${acknowledged.join(', ')}`);
    const began = performance.now();
    client = await broker.start();
    const cut = await bytesCut(client, lanes);
    const ms = Math.round(performance.now() - began);
    stage.say(`restarted in ${ms} ms; torn tail cut off: ${cut} bytes`);
  }
  return client;
}

async function judge(stage: Stage, client: BrokerClient, { dataset, ledger, reader }: Lane): Promise<void> {
  const { topic, messages } = dataset;
  stage.heading(`${topic}: stored messages compared with the ledger of acknowledgements`);
  const found: Audit = audit(ledger, await readAll(client, topic));
  stage.say(
    `${found.stored} messages stored for ${messages.length} rows; ${found.repeated} rows stored twice`,
  );
  const acknowledged = ledger.acknowledged.size;
  stage.check(found.missing === 0, `every acknowledged record arrived: ${acknowledged} of ${acknowledged}`);
  stage.check(found.unknown === 0, 'nothing is stored that was not sent');
  stage.check(found.badOffsets === 0, 'offsets only grow, in every partition');
  stage.check(found.outOfOrder === 0, `rows are in order for every key (${dataset.keyedBy})`);
  stage.check(
    reader.rows.size === messages.length && reader.gaps === 0,
    `the group saw every row, without a gap (${reader.received} deliveries, ${reader.again} of them repeated)`,
  );
  for (const { start, partition, confirmed, asked, committed, first } of reader.resumptions) {
    const place = `start ${start}, partition ${partition}`;
    const went = first === undefined ? 'nothing was left to read' : `the group resumed at ${first}`;
    stage.check(
      confirmed <= committed && committed <= asked && (first === undefined || first === committed),
      `${place}: ${went}; committed ${committed}, last commit confirmed ${confirmed}`,
    );
  }
  const { lag } = await client.group(`${GROUP}-${topic}`);
  stage.check(lag === 0, 'the group has committed everything: lag 0');
}

/** Bytes of torn tails, according to the storage adapter's report of its last recovery. */
async function bytesCut(client: BrokerClient, lanes: readonly Lane[]): Promise<number> {
  let bytes = 0;
  for (const { dataset } of lanes) {
    const { partitions } = await client.topic(dataset.topic);
    for (const { storage } of partitions) {
      const recovery = storage?.['last_recovery'] as { bad_bytes?: number } | null | undefined;
      bytes += recovery?.bad_bytes ?? 0;
    }
  }
  return bytes;
}
