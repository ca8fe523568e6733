import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TopicsService } from '@genrocks/topics';
import { machineFacts } from '../lib/machine.js';
import { openTopics } from './lib/open-topics.js';
import { assertAtMost, measurePhase, runPhase } from './lib/phase.js';
import { writeReport } from './lib/write-report.js';
import { newOutcome } from './lib/outcome.js';

/*
 * Many partitions in one process: opened, written to and consumed; and once more after a restart, where every message
 * and every committed offset is still there.
 */

const { values } = parseArgs({
  options: {
    partitions: { type: 'string', default: '1000' },
    /** Messages published to each partition, in each of the two runs. */
    messages: { type: 'string', default: '10' },
    /** Highest resident memory of the process, MiB, and open files for each partition. */
    'max-rss': { type: 'string', default: '400' },
    'max-files': { type: 'string', default: '4' },
    dir: { type: 'string', default: tmpdir() },
    out: { type: 'string', default: fileURLToPath(new URL('../../results', import.meta.url)) },
    phase: { type: 'string' },
  },
});

const partitions = Number(values.partitions);
const messages = Number(values.messages);
if (!(partitions >= 1) || !(messages >= 1))
  throw new Error('--partitions and --messages must be numbers from 1');

/** Where the platform tells; 0 elsewhere. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now();
  const result = await work();
  return [result, (performance.now() - began) / 1000];
}

/** @param earlier messages of each partition that an earlier run has published and consumed */
async function run(earlier: number): Promise<Record<string, number>> {
  const filesBefore = openFiles();
  const [{ topics, close }, openSeconds] = await timed(async () => {
    const open = await openTopics(values.dir);
    await open.topics.startTopic('many', { partitions });
    return open;
  });
  const [, publishSeconds] = await timed(() => publishToAll(topics, earlier));
  const [, consumeSeconds] = await timed(() => consumeAll(topics, earlier));
  const files = openFiles() - filesBefore;
  const [, closeSeconds] = await timed(close);
  return {
    partitions,
    messages_in_each: messages,
    open_seconds: openSeconds,
    publish_seconds: publishSeconds,
    consume_seconds: consumeSeconds,
    close_seconds: closeSeconds,
    open_files: files,
  };
}

async function publishToAll(topics: TopicsService, earlier: number): Promise<void> {
  const topic = topics.topic('many');
  for (const { endOffset } of topic.partitions) {
    if (endOffset !== earlier) throw new Error(`a partition ends at ${endOffset}, not at ${earlier}`);
  }
  for (let n = 0; n < messages; n++) {
    await Promise.all(
      topic.partitions.map(({ index }) => topic.publish({ value: { n: earlier + n }, partition: index })),
    );
  }
}

/** Only what this run has published must come: the group had committed the rest. */
async function consumeAll(topics: TopicsService, earlier: number): Promise<void> {
  const next = new Array<number>(partitions).fill(earlier);
  let left = partitions * messages;
  const { end, done, failed } = newOutcome();
  const group = await topics.startConsumerGroup<{ n: number }>({
    group: 'proof',
    topics: ['many'],
    handler: ({ partition, offset, value }) => {
      if (offset !== next[partition] || value.n !== offset)
        failed(new Error(`partition ${partition}: ${value.n} at ${offset}, awaited ${next[partition]}`));
      next[partition]!++;
      if (--left === 0) done();
    },
  });
  await end;
  await group.stop();
  const { lag } = await topics.groups.describe('proof');
  if (lag !== 0) throw new Error(`lag ${lag} after all was handled`);
}

async function prove(): Promise<void> {
  const maxRss = Number(values['max-rss']);
  const maxFiles = Number(values['max-files']);
  const directory = mkdtempSync(join(values.dir, 'genrocks-partitions-'));
  const machine = machineFacts(directory);
  try {
    const args = { partitions, messages, dir: directory };
    const program = fileURLToPath(import.meta.url);
    const phases = [await runPhase(program, 'first', args), await runPhase(program, 'restarted', args)];
    writeReport(values.out, 'partitions', {
      title: `${partitions.toLocaleString('en')} partitions in one process`,
      command: `npm run proof:partitions -- --partitions ${partitions} --messages ${messages}`,
      machine,
      phases,
      verdict: [
        'Every partition kept its messages, and the group its offsets, over the restart; each message was handled once.',
        `The command fails above ${maxRss} MiB, or ${maxFiles} open files a partition.`,
      ],
    });
    for (const { phase, rss_high_mib: high, open_files: files } of phases) {
      assertAtMost(`memory (${phase}, MiB)`, high, maxRss);
      assertAtMost(`open files (${phase})`, Number(files), maxFiles * partitions + 50);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (values.phase === 'first') await measurePhase('first', () => run(0));
else if (values.phase === 'restarted') await measurePhase('restarted', () => run(messages));
else await prove();
