import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka, temporaryDirectory } from './kafka-harness.js';
import { hasNodeRdkafka, RdkafkaClient, whyNotNodeRdkafka } from './node-rdkafka.js';

const run = promisify(execFile);
const hasKcat = spawnSync('kcat', ['-V']).error === undefined;
const KAFKAJS = fileURLToPath(new URL('fixtures/kafkajs-acks-0.mjs', import.meta.url));
const COUNT = 300;
const values = Array.from({ length: COUNT }, (_, i) => `${i}`);

describe('a client that sends with acks=0 and ends at once loses nothing:', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let running: RunningKafka;
  beforeEach(async () => {
    directory = temporaryDirectory();
    running = await startKafka({ logDir: directory.path, topics: { topics: [{ name: 't' }] } });
  });
  afterEach(async () => {
    await running.stop();
    directory.remove();
  });

  const arrives = async () => {
    const partition = running.topics.topic('t').partition(0);
    await expect.poll(() => partition.endOffset).toBe(COUNT);
    const { messages } = await partition.readMessages({ offset: 0, limit: COUNT });
    expect(messages.map(({ valueBytes }) => valueBytes!.toString())).toEqual(values);
  };

  it('kafkajs, whose process exits', async () => {
    await run(process.execPath, [KAFKAJS, running.bootstrap, 't', `${COUNT}`]);
    await arrives();
  });

  it('kafkajs, which disconnects', async () => {
    const producer = running.kafka.producer();
    await producer.connect();
    for (const value of values) await producer.send({ topic: 't', acks: 0, messages: [{ value }] });
    await producer.disconnect();
    await arrives();
  });

  // Old ones are served one at a time.
  it.runIf(hasKcat).each([
    ['kcat', []],
    ['kcat as for Kafka 0.10', ['-X', 'api.version.request=false', '-X', 'broker.version.fallback=0.10.1']],
  ])('%s', async (_name, settings) => {
    const options = ['-P', '-t', 't', '-X', 'acks=0', '-X', 'batch.num.messages=1', ...settings];
    const kcat = run('kcat', ['-b', running.bootstrap, ...options]);
    kcat.child.stdin!.end(values.join('\n'));
    await kcat;
    await arrives();
  });

  it.runIf(hasNodeRdkafka)(`node-rdkafka${whyNotNodeRdkafka}`, async () => {
    const { bootstrap } = running;
    const conf = { 'batch.num.messages': 1 };
    await new RdkafkaClient('fire', { bootstrap, conf, topic: 't', to: COUNT }).ended();
    await arrives();
  });
});
