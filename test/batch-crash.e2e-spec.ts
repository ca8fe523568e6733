import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { TopicsService } from '@genrocks/topics';
import { messagesOfBatch } from '@genrocks/topics/records';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Policy,
  crashState,
  writeState,
} from '../libs/storage-disklog/src/__fixtures__/crash-states.js';
import { partitionOf } from '../libs/storage-disklog/src/__fixtures__/directories.js';
import { newSeed, Random } from '../libs/storage-disklog/src/__fixtures__/random.js';
import {
  fastFileSystem,
  RecordingFileSystem,
} from '../libs/storage-disklog/src/__fixtures__/recording-file-system.js';
import { BatchLedger } from './batch-ledger.js';
import { type BatchMessage, batchOf, type BatchValue } from './fixtures/batches.mjs';
import { CONNECTION_TIMEOUT_MS, startKafka } from './kafka-harness.js';
import { startBroker } from './suites/lib/broker.mjs';

const CHILD = fileURLToPath(new URL('fixtures/batch-child.mjs', import.meta.url));
const PARTITIONS = 3;
const KILLS = 3;

let directory: string;
const children = new Set<ReturnType<typeof spawn>>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'genrocks-batch-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await rm(directory, { recursive: true, force: true });
});

/** Everything that is stored in a directory, held against the ledger. */
async function judge(ledger: BatchLedger, diskLog: object): Promise<void> {
  const running = await startKafka({ logDir: join(directory, 'log'), diskLog });
  await ledger.judge(running.topics.topic('events'));
  await running.stop();
}

describe('publishBatch, killed with SIGKILL again and again', () => {
  it.each([
    ['halt', 'none', { logType: 'halt', maxNoBytes: 1 << 30 }],
    ['wrap', 'gzip', { logType: 'wrap', maxNoBytes: 50_000, maxNoFiles: 10_000 }],
  ])(
    'stores a batch wholly in each partition or not at all (%s, compression: %s)',
    async (_, compression, limits) => {
      const ledger = new BatchLedger();
      const diskLog = { ...limits, logDir: join(directory, 'log') };
      for (let run = 0; run < KILLS; run++) {
        const options = { run, diskLog, partitions: PARTITIONS, compression };
        const child = spawn(process.execPath, [CHILD, JSON.stringify(options)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        children.add(child);
        const exit = once(child, 'exit');
        let left = 1 + Math.floor(Math.random() * 60);
        for await (const line of createInterface({ input: child.stdout })) {
          ledger.acknowledged.set(...(JSON.parse(line) as [string, number]));
          if (--left === 0) child.kill('SIGKILL');
        }
        expect((await exit)[1]).toBe('SIGKILL');
        children.delete(child);
      }
      await judge(ledger, limits);
      expect(ledger.acknowledged.size).toBeGreaterThanOrEqual(KILLS);
    },
  );
});

describe('batches of clients of a broker that is killed again and again', () => {
  it('over HTTP and Kafka are wholly in each partition or not at all', async () => {
    const ledger = new BatchLedger();
    for (let run = 0; run < 2; run++) {
      const broker = await startBroker(
        { GENROCKS_DEFAULT_PARTITIONS: String(PARTITIONS), GENROCKS_MAX_BATCH_BYTES: '4096' },
        directory,
      );
      const kafka = new Kafka({
        brokers: [broker.bootstrap],
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        logLevel: logLevel.NOTHING,
        retry: { retries: 0 },
      });
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      const overHttp = async (messages: readonly BatchMessage[]) => {
        const answer = await fetch(`${broker.url}/v1/topics/events/messages`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ messages }),
        });
        expect(answer.status, await answer.text()).toBe(201);
      };
      const overKafka = async (messages: readonly BatchMessage[]) => {
        const records = messages.map(({ partition, value }) => ({ partition, value: JSON.stringify(value) }));
        await producer.sendBatch({ topicMessages: [{ topic: 'events', messages: records }] });
      };
      let killed = false;
      let left = 5 + Math.floor(Math.random() * 40);
      await overHttp(batchOf(`first-${run}`, [0, 1, 2], () => 1));
      // The others may use the time up before one more comes over Kafka.
      const first = batchOf(`kafka-${run}-first`, [0, 1, 2], () => 1);
      await overKafka(first);
      ledger.acknowledged.set(`kafka-${run}-first`, first.length);
      const publish = async (name: string, send: typeof overHttp) => {
        for (let i = 0; !killed; i++) {
          const places = Array.from({ length: 1 + Math.floor(Math.random() * 60) }, (_, n) => n % PARTITIONS);
          const messages = batchOf(`${name}-${run}-${i}`, places, () => Math.floor(Math.random() * 400));
          try {
            await send(messages);
          } catch (error) {
            if (!killed) throw error;
            return;
          }
          ledger.acknowledged.set(`${name}-${run}-${i}`, messages.length);
          if (--left > 0 || killed) continue;
          killed = true;
          await broker.kill();
        }
      };
      await Promise.all([publish('http', overHttp), publish('http2', overHttp), publish('kafka', overKafka)]);
      await producer.disconnect();
    }
    await judge(ledger, {});
    expect([...ledger.acknowledged.keys()].some((name) => name.startsWith('kafka'))).toBe(true);
  });
});

describe('publishBatch, and every state that a power cut can leave', () => {
  // Opening after a crash warns.
  const POLICIES: Policy[] = ['all kept', 'all dropped', 'random', 'random'];

  it('holds whole batches, and all that were acknowledged', async () => {
    const seed = newSeed();
    const random = new Random(seed);
    const logDir = join(directory, 'log');
    const files = new RecordingFileSystem(partitionOf(logDir));
    // Small files and none dropped: batches meet rotations, and all that was stored can be read.
    const options = { logType: 'wrap', maxNoBytes: 6_000, maxNoFiles: 1_000 } as const;
    const adapter = new DiskLogStorageAdapter({ ...options, logDir }, files);
    // Of one partition alone the changes are recorded; the state of the service lies elsewhere.
    const registry = new EtsStorageAdapter();
    const service = new TopicsService(
      { default: registry, all: [registry, adapter] },
      { maxBatchBytes: 1_500, maxMessageBytes: 1_500 },
    );
    await service.onModuleInit();
    const topic = await service.startTopic('t', { storage: { adapter: adapter.name } });
    /** When a batch was acknowledged, counted in changes of files. */
    const acknowledged = new Map<string, { at: number; messages: number }>();
    for (let round = 0; round < 8; round++) {
      await Promise.all(
        Array.from({ length: 1 + random.int(4) }, async (_, i) => {
          const batch = `${round}-${i}`;
          const places = new Array<number>(1 + random.int(20)).fill(0);
          await topic.publishBatch(batchOf(batch, places, () => random.int(300)));
          acknowledged.set(batch, { at: files.changes.length, messages: places.length });
        }),
      );
    }
    const changes = files.changes.slice();
    await service.onApplicationShutdown();
    await adapter.close();

    const stride = Math.max(1, Math.floor(changes.length / 16));
    let states = 0;
    for (let moment = random.int(stride); moment <= changes.length; moment += stride) {
      for (const policy of POLICIES) {
        const state = join(directory, `state-${states++}`);
        await writeState(crashState(changes, moment, policy, random), partitionOf(state));
        const ledger = new BatchLedger();
        for (const [batch, { at, messages }] of acknowledged)
          if (at <= moment) ledger.acknowledged.set(batch, messages);
        const after = new DiskLogStorageAdapter({ ...options, logDir: state }, fastFileSystem);
        const store = await after.open('t', 0);
        try {
          for await (const { key, value } of store.scan()) {
            const messages = messagesOfBatch<BatchValue>({ topic: 't', partition: 0 }, key, value);
            for (const message of messages!) ledger.take(message.value);
          }
          ledger.endPartition();
          ledger.judgeAcknowledged();
        } catch (error) {
          throw new Error(`GENROCKS_SEED=${seed}, change ${moment}, ${policy}`, { cause: error });
        } finally {
          await after.close();
        }
      }
    }
  });
});
