import { execFile, spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from './kafka-harness.js';

const isInstalled = spawnSync('kcat', ['-V']).error === undefined;

/** Runs kcat to its end; what it printed. */
function kcat(bootstrap: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      'kcat',
      ['-b', bootstrap, ...args],
      { timeout: 120_000 },
      (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(`${error.message}\n${stderr}`)),
    );
    child.stdin!.end(input);
  });
}

describe.runIf(isInstalled)('kcat (librdkafka)', () => {
  let running: RunningKafka;
  afterEach(() => running.stop());

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('produces and consumes with codec %s', async (codec) => {
    running = await startKafka();
    const lines = Array.from({ length: 200 }, (_, i) => `k${i}:value ${i} ${'x'.repeat(50)}`);
    const produce = ['-P', '-t', 't', '-K:', '-z', codec, '-X', 'enable.idempotence=true'];
    await kcat(running.bootstrap, produce, lines.join('\n'));
    const consumed = await kcat(running.bootstrap, [
      '-C',
      '-t',
      't',
      '-o',
      'beginning',
      '-e',
      '-q',
      '-f',
      '%o %k:%s\n',
    ]);
    expect(consumed.trim().split('\n')).toEqual(lines.map((line, i) => `${i} ${line}`));
    const here = await running.topics.topic('t').partition(0).readMessages({ offset: 0 });
    expect(here.messages.map(({ key, valueBytes }) => `${key}:${valueBytes?.toString()}`)).toEqual(lines);
    const { batches } = await running.topics.topic('t').partition(0).readBatches({ offset: 0 });
    expect(batches[0]!.readInt16BE(21) & 7).toBe(['none', 'gzip', 'snappy', 'lz4', 'zstd'].indexOf(codec));
  });

  // A client of that time, which does not ask what is served.
  it.each([
    ['0.9.0', 'snappy'],
    ['0.10.2', 'lz4'],
  ])('produces and consumes as for Kafka %s, with codec %s', async (version, codec) => {
    running = await startKafka();
    const old = ['-X', 'api.version.request=false', '-X', `broker.version.fallback=${version}`];
    const lines = Array.from({ length: 200 }, (_, i) => `k${i}:value ${i} ${'x'.repeat(50)}`);
    await kcat(running.bootstrap, ['-P', '-t', 't', '-K:', '-z', codec, ...old], lines.join('\n'));
    const { batches } = await running.topics.topic('t').partition(0).readBatches({ offset: 0 });
    expect(batches[0]!.readInt16BE(21) & 7).toBe(['none', 'gzip', 'snappy', 'lz4'].indexOf(codec));
    for (const reader of [old, []]) {
      const consume = ['-C', '-t', 't', '-o', 'beginning', '-e', '-q', '-f', '%o %k:%s\n', ...reader];
      const consumed = await kcat(running.bootstrap, consume);
      expect(consumed.trim().split('\n')).toEqual(lines.map((line, i) => `${i} ${line}`));
    }
  });

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('reads what was packed here with %s', async (codec) => {
    running = await startKafka();
    const topic = await running.topics.startTopic('t', { compression: codec });
    const values = Array.from({ length: 2_000 }, (_, i) => `value ${i} ${'x'.repeat(100)}`);
    await topic.publishBatch(values.map((value) => ({ value: Buffer.from(value) })));
    const { batches } = await topic.partition(0).readBatches({ offset: 0 });
    expect(batches[0]!.readInt16BE(21) & 7).toBe(['none', 'gzip', 'snappy', 'lz4', 'zstd'].indexOf(codec));
    const consumed = await kcat(running.bootstrap, ['-C', '-t', 't', '-o', 'beginning', '-e', '-q']);
    expect(consumed.trim().split('\n')).toEqual(values);
  });

  it('lists the cluster and finds offsets by time', async () => {
    running = await startKafka();
    await running.topics.publish('t', { value: 'x', timestamp: 1000 });
    await running.topics.publish('t', { value: 'y', timestamp: 2000 });
    const listing = JSON.parse(await kcat(running.bootstrap, ['-L', '-J', '-m', '30'])) as {
      topics: unknown[];
    };
    expect(listing.topics).toMatchObject([{ topic: 't', partitions: [{ partition: 0, leader: 1 }] }]);
    expect(await kcat(running.bootstrap, ['-Q', '-t', 't:0:1500'])).toContain('t [0] offset 1');
  });
});
