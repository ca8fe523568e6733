import type { BrokerClient } from './lib/broker-client.js';
import { BrokerProcess } from './lib/broker-process.js';
import { flights, shortFlights } from './lib/datasets.js';
import { GroupReader } from './lib/group-reader.js';
import type { Example, Stage } from './lib/stage.js';

const PARTITIONS = 2;
const ROWS_PER_REQUEST = 5000;

export const highThroughput: Example = {
  name: 'high-throughput',
  summary: 'load 200,000 flights into a wrap log that keeps only the newest files',
  async run(stage: Stage): Promise<void> {
    const { topic, messages } = stage.short ? flights('20k') : shortFlights();
    const files = 4;
    const fileBytes = stage.short ? 128 * 1024 : 512 * 1024;
    const broker = new BrokerProcess(stage, {
      GENROCKS_LOG_DIR: stage.directory(),
    });
    const client = await broker.start();

    stage.heading(
      `${messages.length} flights into ${PARTITIONS} partitions of ${files} x ${fileBytes / 1024} KiB`,
    );
    const storage = { log_type: 'wrap', max_no_files: files, max_no_bytes: fileBytes };
    await client.createTopic(topic, PARTITIONS, storage);
    const reader = new GroupReader(broker, topic, 'dashboard');
    const reading = reader.run();

    const began = performance.now();
    let most = 0;
    for (let first = 0; first < messages.length; first += ROWS_PER_REQUEST) {
      await client.publishLines(topic, messages.slice(first, first + ROWS_PER_REQUEST));
      most = Math.max(most, await bytesOnDisk(client, topic));
    }
    const seconds = (performance.now() - began) / 1000;
    const perSecond = Math.round(messages.length / seconds);
    stage.say(
      `acknowledged, on stable storage: ${messages.length} in ${seconds.toFixed(2)} s, ${perSecond} a second`,
    );

    const { partitions } = await client.topic(topic);
    await reader.finishAt(partitions.map((partition) => partition.end_offset));
    await reading;

    stage.heading('Rotation');
    const published = partitions.reduce((sum, { end_offset: end }) => sum + end, 0);
    stage.check(published === messages.length, `the end offsets count every message: ${published}`);
    for (const { partition, start_offset: start, end_offset: end } of partitions) {
      stage.check(
        start > 0,
        `partition ${partition} has dropped its oldest files: it keeps ${start} to ${end - 1}`,
      );
    }
    // A file may exceed its limit by one batch.
    const bound = PARTITIONS * files * (fileBytes + 64 * 1024);
    stage.check(most <= bound, `never more than ${kib(most)} on disk, the limit is ${kib(bound)}`);

    stage.heading('The group that read during the load');
    const lost = reader.lost.reduce((sum, { from, to }) => sum + to - from, 0);
    stage.say(`received ${reader.received}; was told of ${lost} that were dropped before it read them`);
    stage.check(
      reader.received + lost === messages.length && reader.gaps === 0,
      'no message disappeared silently: received + dropped = published',
    );
    await broker.stop();
  },
};

async function bytesOnDisk(client: BrokerClient, topic: string): Promise<number> {
  const { partitions } = await client.topic(topic);
  return partitions.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}

function kib(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
