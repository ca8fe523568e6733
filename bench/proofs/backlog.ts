import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineFacts } from '../lib/machine.js';
import { openTopics } from './lib/open-topics.js';
import { assertAtMost, measurePhase, runPhase } from './lib/phase.js';
import { writeReport } from './lib/write-report.js';
import { newOutcome } from './lib/outcome.js';

/*
 * A backlog is published, durably, and then consumed by another process: nothing is lost, the order of each partition
 * is kept, and the memory of both is bounded, however long the backlog is.
 */

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    /** Bytes of a value, about. */
    bytes: { type: 'string', default: '100' },
    /** Highest resident memory that either process may have, MiB. */
    'max-rss': { type: 'string', default: '400' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: fileURLToPath(new URL('../../results', import.meta.url)) },
    phase: { type: 'string' },
  },
});

const PARTITIONS = 4;
const BATCH = 2_000;
const messages = Number(values.messages);
const bytes = Number(values.bytes);
const maxRss = Number(values['max-rss']);
if (!(messages >= 1) || !(bytes >= 1) || !(maxRss >= 1))
  throw new Error('--messages, --bytes and --max-rss must be numbers from 1');

async function publish(): Promise<Record<string, number>> {
  const { topics, close } = await openTopics(values.dir);
  const topic = await topics.startTopic('backlog', { partitions: PARTITIONS });
  const pad = 'x'.repeat(bytes);
  let next = 0;
  const publisher = async () => {
    while (next < messages) {
      const first = next;
      next = Math.min(next + BATCH, messages);
      const batch = Array.from({ length: next - first }, (_, i) => {
        const value = Buffer.from(`{"n":${first + i},"pad":"${pad}`.slice(0, bytes - 2) + '"}');
        return { value, partition: (first + i) % PARTITIONS };
      });
      await topic.publishBatch(batch);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: 4 }, publisher));
  const seconds = (performance.now() - began) / 1000;
  await close();
  return { messages, per_second: messages / seconds };
}

async function consume(): Promise<Record<string, number>> {
  const { topics, close } = await openTopics(values.dir);
  const opened = performance.now();
  let count = 0;
  let sum = 0;
  const last = new Array<number>(PARTITIONS).fill(-1);
  const { end, done, failed } = newOutcome();
  const group = await topics.startConsumerGroup<{ n: number }>({
    group: 'proof',
    topics: ['backlog'],
    batchSize: 1_000,
    maxInFlight: 10_000,
    batchHandler: (batch) => {
      for (const { partition, value } of batch) {
        if (value.n <= last[partition]!) failed(new Error(`${value.n} came after ${last[partition]}`));
        last[partition] = value.n;
        sum += value.n;
      }
      count += batch.length;
      if (count >= messages) done();
    },
  });
  await end;
  const seconds = (performance.now() - opened) / 1000;
  await group.stop();
  const { lag } = await topics.groups.describe('proof');
  await close();
  if (count !== messages || sum !== (messages * (messages - 1)) / 2 || lag !== 0)
    throw new Error(`consumed ${count} of ${messages}, sum ${sum}, lag ${lag}`);
  return { messages: count, per_second: count / seconds };
}

async function prove(): Promise<void> {
  const directory = mkdtempSync(join(values.dir, 'genrocks-backlog-'));
  const machine = machineFacts(directory);
  try {
    const args = { messages, bytes, dir: directory };
    const program = fileURLToPath(import.meta.url);
    const phases = [await runPhase(program, 'publish', args), await runPhase(program, 'consume', args)];
    writeReport(values.out, 'backlog', {
      title: `A backlog of ${messages.toLocaleString('en')} messages`,
      command: `npm run proof:backlog -- --messages ${messages} --bytes ${bytes}`,
      machine,
      phases,
      verdict: [
        'Every message was published with `sync: always`, and consumed once, in the order of its partition.',
        `Neither process may have more than ${maxRss} MiB at its highest; the command fails above that.`,
      ],
    });
    for (const { phase, rss_high_mib: high } of phases) assertAtMost(`memory (${phase}, MiB)`, high, maxRss);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (values.phase === 'publish') await measurePhase('publish', publish);
else if (values.phase === 'consume') await measurePhase('consume', consume);
else await prove();
