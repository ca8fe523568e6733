// The application under soak: topics on the disk log, a Kafka listener, publishers, and handlers that come and go as it
// is told. Usage: application.mjs {"logDir","topic","partitions","port"}
// Takes a line of JSON for every command: ["join", group, name, slowMs] ["leave", name] ["publish", key, value] ["lag"]
// ["exit"]. Tells one for everything that happened.
import { writeSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { KafkaModule } from '@genrocks/kafka';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { TopicsModule, TopicsService } from '@genrocks/topics';

const { logDir, topic, partitions, port } = JSON.parse(process.argv[2]);
const sleeping = new Int32Array(new SharedArrayBuffer(4));

/** @param {unknown[]} fact */
function tell(...fact) {
  // Unlike process.stdout, this is with the kernel when it returns, and so outlives a SIGKILL.
  for (let rest = Buffer.from(`${JSON.stringify(fact)}\n`); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // The reader is behind and the pipe does not block.
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(sleeping, 0, 0, 1);
    }
  }
}

/** By the clock all processes share, in microseconds. */
const now = () => Number(process.hrtime.bigint() / 1000n);

class Application {}
const app = await NestFactory.createApplicationContext(
  {
    module: Application,
    imports: [
      TopicsModule.forRoot({
        storage: DiskLogModule.forRoot({ logDir, maxNoFiles: 100 }),
        topics: [{ name: topic, partitions }],
        drainTimeoutMs: 2_000,
      }),
      KafkaModule.forRoot({ port }),
    ],
  },
  { logger: ['error'] },
);
const topics = app.get(TopicsService);
const members = new Map();

const commands = {
  async join(group, name, slowMs) {
    const handler = async (message) => {
      if (slowMs > 0) await sleep(slowMs);
      tell('message', group, message.partition, message.offset, message.key, message.value, now());
    };
    const options = { group, topics: [topic], handler, concurrency: 2, autoCommitIntervalMs: 20 };
    members.set(name, topics.startConsumerGroup(options));
    await members.get(name);
    tell('joined', name);
  },
  async leave(name) {
    const member = await members.get(name);
    members.delete(name);
    await member?.stop();
    tell('left', name);
  },
  async publish(key, value) {
    const { partition, offset } = await topics.publish(topic, { key, value });
    tell('published', partition, offset, key, value);
  },
  async lag(groups) {
    const lags = await Promise.all(
      groups.map(async (group) => (await topics.groups.describe(group).catch(() => ({ lag: -1 }))).lag),
    );
    tell('lag', lags);
  },
  async exit() {
    await app.close();
    process.exit(0);
  },
};

tell('ready');
createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, ...rest] = JSON.parse(line);
  commands[command](...rest).catch((error) => tell('failed', command, rest, String(error?.message ?? error)));
});
