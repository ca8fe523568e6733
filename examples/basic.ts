import { BrokerProcess } from './lib/broker-process.js';
import { earthquakes, rowOf } from './lib/datasets.js';
import { GroupReader } from './lib/group-reader.js';
import { readAll } from './lib/loader.js';
import type { Example, Stage } from './lib/stage.js';

export const basic: Example = {
  name: 'basic',
  summary: 'create a topic, publish in three ways, read, consume in a group, restart, resume',
  async run(stage: Stage): Promise<void> {
    const { topic, partitions, messages } = earthquakes();
    const rows = stage.short ? messages.slice(0, 300) : messages;
    const broker = new BrokerProcess(stage, {
      GENROCKS_LOG_DIR: stage.directory(),
    });

    stage.heading('Start a broker on the disk log, create a topic');
    let client = await broker.start();
    const created = await client.createTopic(topic, partitions);
    stage.say(`topic ${created.name} on ${created.adapter}, ${created.partition_count} partitions`);

    stage.heading('Publish: one message, a list of them, NDJSON');
    const single = await client.publish(topic, rows[0]!);
    stage.say(`one earthquake is durable in partition ${single.partition} at offset ${single.offset}`);
    const list = await client.publishBatch(topic, rows.slice(1, 100));
    stage.say(`${list.count} more in one request`);
    const bulk = await client.publishLines(topic, rows.slice(100));
    stage.say(`${bulk.count} more as NDJSON: ${JSON.stringify(bulk.partitions)}`);

    stage.heading('Read them back');
    const stored = await readAll(client, topic);
    const found = stored.flat().length;
    stage.check(found === rows.length, `${found} messages stored, ${rows.length} published`);
    const same = stored.flat().every((message) => sameJson(message.value, rows[rowOf(message)]!.value));
    stage.check(same, 'every value is as it was published');

    stage.heading('Consume in a group, which commits its position');
    const reader = new GroupReader(broker, topic, 'seismology');
    const reading = reader.run();
    await reader.finishAt(stored.map((partition) => partition.length));
    await reading;
    const { lag } = await client.group('seismology');
    stage.check(reader.received === rows.length, `the group received ${reader.received} messages`);
    stage.check(lag === 0, `its lag is ${lag}`);

    stage.heading('Restart the broker: the data and the group are still there');
    await broker.stop();
    client = await broker.start();
    const after = await client.group('seismology');
    stage.check(
      after.lag === 0,
      `the group resumes at ${after.offsets.map(({ committed }) => committed).join(', ')}`,
    );
    const next = await client.publish(topic, { key: 'ci', value: { note: 'published after the restart' } });
    const { end_offset: end } = (await client.topic(topic)).partitions[next.partition]!;
    stage.check(
      next.offset === end - 1,
      `the next message got offset ${next.offset} of partition ${next.partition}`,
    );
    stage.check(
      (await client.group('seismology')).lag === 1,
      'and is the only one the group has not read yet',
    );
    await broker.stop();
  },
};

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
