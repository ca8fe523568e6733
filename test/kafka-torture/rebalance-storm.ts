import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { AssignerProtocol, type Consumer } from 'kafkajs';
import { expect } from 'vitest';
import type { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { type RunningKafka, startKafka } from '../kafka-harness.js';
import { rangeAssigner } from './range-assigner.js';

const TOPIC = 'storm';
const GROUP = 'storm';
const PARTITIONS = 6;
/** Members of either kind at the same time. */
const MAX_MEMBERS = 3;
const MESSAGES_PER_STEP = 20;
const DRAIN_TIMEOUT_MS = 30_000;

export interface RebalanceStormOptions {
  readonly random: Random;
  /** Members come and go at least this often. */
  readonly steps: number;
  /** After them, further ones come and go until this time is over, in milliseconds since 1970. */
  readonly until: number;
  /** Is kcat there, as a member through librdkafka? */
  readonly withKcat: boolean;
  /** May members vanish without a word, to be missed only when their session is over? */
  readonly withVanishing: boolean;
}

export interface RebalanceStormResult {
  readonly published: number;
  readonly delivered: number;
  readonly snapshots: number;
}

type See = (partition: number, offset: string) => void;

/**
 * Members of one group, kafkajs and librdkafka, that join and leave at random while messages come in. Every message is
 * delivered at least once, and whenever the group is stable each partition has one owner.
 */
export async function tortureByRebalances(options: RebalanceStormOptions): Promise<RebalanceStormResult> {
  const { random } = options;
  const running = await startKafka({ topics: { topics: [{ name: TOPIC, partitions: PARTITIONS }] } });
  const seen = new Set<string>();
  let delivered = 0;
  const see: See = (partition, offset) => {
    delivered++;
    seen.add(`${partition}/${offset}`);
  };
  const consumers: Consumer[] = [];
  const kcats = new Set<ChildProcess>();
  const leaving: Promise<void>[] = [];
  const watcher = watchOwners(running);
  let published = 0;
  const publish = () =>
    running.topics.publishBatch(
      TOPIC,
      Array.from({ length: MESSAGES_PER_STEP }, () => ({ key: `k${random.int(100)}`, value: published++ })),
    );
  const change = async () => {
    if (options.withVanishing && kcats.size > 0 && random.chance(0.1)) [...kcats][0]!.kill('SIGKILL');
    else if (options.withKcat && kcats.size < MAX_MEMBERS && random.chance(0.4)) {
      const child = kcatMember(running, see, 5 + random.int(40));
      kcats.add(child);
      child.once('close', () => kcats.delete(child));
    } else if (consumers.length < 2 || (consumers.length < MAX_MEMBERS && random.chance(0.5))) {
      consumers.push(await kafkaJsMember(running, see));
    } else {
      const [consumer] = consumers.splice(random.int(consumers.length), 1);
      // Not awaited: others come and go while it leaves.
      leaving.push(consumer!.disconnect());
    }
  };
  try {
    for (let step = 0; step < options.steps || Date.now() < options.until; step++) {
      await publish();
      await change();
      await pause(random.int(400));
    }
    consumers.push(await kafkaJsMember(running, see));
    await expect.poll(() => seen.size, { timeout: DRAIN_TIMEOUT_MS, interval: 50 }).toBe(published);
  } finally {
    for (const child of kcats) child.kill('SIGKILL');
    await Promise.all([...leaving, ...consumers.map((consumer) => consumer.disconnect())]);
    await watcher.stop();
    await running.stop();
  }
  return { published, delivered, snapshots: watcher.snapshots };
}

/** Asks again and again who owns what; in a stable group no partition has two owners, and none is without. */
function watchOwners(running: RunningKafka) {
  const admin = running.kafka.admin();
  let isStopped = false;
  const watcher = { snapshots: 0, stop: async () => void ((isStopped = true), await loop) };
  const loop = (async () => {
    await admin.connect();
    while (!isStopped) {
      const group = (await admin.describeGroups([GROUP])).groups[0]!;
      if (group.state === 'Stable') {
        const owned = group.members.flatMap(
          ({ memberAssignment }) =>
            AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[TOPIC] ?? [],
        );
        expect(owned.sort(), 'each partition has one owner').toEqual([0, 1, 2, 3, 4, 5]);
        watcher.snapshots++;
      }
      await pause(20);
    }
    await admin.disconnect();
  })();
  return watcher;
}

async function kafkaJsMember(running: RunningKafka, see: See): Promise<Consumer> {
  const consumer = running.kafka.consumer({
    groupId: GROUP,
    sessionTimeout: 6_000,
    heartbeatInterval: 100,
    rebalanceTimeout: 5_000,
    maxWaitTimeInMs: 50,
    partitionAssigners: [rangeAssigner],
  });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 50,
    eachMessage: async ({ partition, message }) => see(partition, message.offset),
  });
  return consumer;
}

/**
 * kcat as a member that leaves after so many messages. Not at a SIGTERM: what it has in its hands then it throws away,
 * and commits it all the same.
 */
function kcatMember(running: RunningKafka, see: See, messages: number): ChildProcess {
  const settings = [
    'auto.offset.reset=earliest',
    'session.timeout.ms=6000',
    'heartbeat.interval.ms=100',
    'fetch.wait.max.ms=50',
    'auto.commit.interval.ms=50',
    'partition.assignment.strategy=range',
  ].flatMap((setting) => ['-X', setting]);
  const format = ['-u', '-q', '-c', String(messages), '-f', '%p/%o\\n'];
  const child = spawn('kcat', ['-b', running.bootstrap, '-G', GROUP, ...format, ...settings, TOPIC], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [partition, offset] = line.split('/') as [string, string];
    see(Number(partition), offset);
  });
  return child;
}
