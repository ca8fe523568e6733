import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { startKafka, temporaryDirectory } from '../kafka-harness.js';
import { lastingPort } from '../lasting-port.js';
import { startBroker, type SuiteBroker } from '../suites/lib/broker.mjs';
import type { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';

const TOPIC = 'ledger';
const PARTITIONS = 3;
const PRODUCERS = 3;
const ENVIRONMENT = {
  GENROCKS_SYNC: 'always',
  GENROCKS_DEFAULT_PARTITIONS: String(PARTITIONS),
  // Nothing may be dropped for its age: the ledger asks for everything in the end.
  GENROCKS_LOG_TYPE: 'halt',
  GENROCKS_MAX_NO_BYTES: '2GB',
};

export interface BrokerKillsOptions {
  readonly random: Random;
  /** The broker is killed at least this often. */
  readonly kills: number;
  /** After them, further kills begin until this time is over, in milliseconds since 1970. */
  readonly until: number;
  /** Is kcat there, as a producer through librdkafka? */
  readonly withKcat: boolean;
}

export interface BrokerKillsResult {
  readonly kills: number;
  readonly acknowledged: number;
  readonly stored: number;
}

/**
 * Idempotent producers that retry, kafkajs and librdkafka, against a broker that is killed with SIGKILL again and
 * again. In the end no acknowledged record is missing, none is there twice, and each producer's are in their order.
 */
export async function tortureByKills(options: BrokerKillsOptions): Promise<BrokerKillsResult> {
  const { random } = options;
  const directory = temporaryDirectory();
  const environment = { ...ENVIRONMENT, GENROCKS_KAFKA_PORT: String(await lastingPort()) };
  let broker = await startBroker(environment, directory.path);
  const ledger = new Ledger();
  const clients = Array.from({ length: PRODUCERS }, (_, i) => new KafkaJsProducer(i, broker, ledger, random));
  const kcat = options.withKcat ? new KcatProducer(broker, ledger) : undefined;
  let kills = 0;
  try {
    await Promise.all(clients.map((client) => client.connect()));
    const running = Promise.all(clients.map((client) => client.run()));
    while (kills < options.kills || Date.now() < options.until) {
      await Promise.race([ledger.moreAcknowledged(1 + random.int(40)), running]);
      await broker.kill();
      broker = await startBroker(environment, directory.path);
      kills++;
    }
    await Promise.race([ledger.moreAcknowledged(10), running]);
    for (const client of clients) client.end();
    await running;
    await kcat?.end();
    await Promise.all(clients.map((client) => client.disconnect()));
  } finally {
    await broker.kill();
    await kcat?.kill();
  }
  const stored = await ledger.judge(join(directory.path, 'log'));
  directory.remove();
  return { kills, acknowledged: ledger.acknowledged.size, stored };
}

/** What was acknowledged, held against what is stored. */
class Ledger {
  readonly attempted = new Set<string>();
  readonly acknowledged = new Map<string, { partition: number; offset: number } | undefined>();
  private waiting: { count: number; resolve: () => void } | undefined;

  attempt(id: string): void {
    this.attempted.add(id);
  }

  acknowledge(id: string, place?: { partition: number; offset: number }): void {
    this.acknowledged.set(id, place);
    if (this.waiting !== undefined && this.acknowledged.size >= this.waiting.count) this.waiting.resolve();
  }

  /** Resolves when so many more are acknowledged than now. */
  moreAcknowledged(more: number): Promise<void> {
    const count = this.acknowledged.size + more;
    return new Promise((resolve) => (this.waiting = { count, resolve }));
  }

  /** Reads everything that is stored. */
  async judge(logDir: string): Promise<number> {
    const running = await startKafka({ logDir, diskLog: { logType: 'halt' } });
    const places = new Map<string, { partition: number; offset: number }>();
    const doubled: string[] = [];
    const disordered: string[] = [];
    for (const partition of running.topics.topic(TOPIC).partitions) {
      const last = new Map<string, number>();
      for (let offset = partition.startOffset; offset < partition.endOffset;) {
        const page = await partition.readMessages({ offset });
        for (const message of page.messages) {
          const id = message.valueBytes!.toString();
          const [producer, seq] = id.split('#') as [string, string];
          if (places.has(id)) doubled.push(id);
          if (Number(seq) <= (last.get(producer) ?? -1)) disordered.push(id);
          last.set(producer, Number(seq));
          places.set(id, { partition: partition.index, offset: message.offset });
        }
        offset = page.nextOffset;
      }
    }
    await running.stop();
    const lost = [...this.acknowledged.keys()].filter((id) => !places.has(id));
    const moved = [...this.acknowledged].filter(([id, place]) => {
      const found = places.get(id);
      return place !== undefined && (found?.partition !== place.partition || found.offset !== place.offset);
    });
    const invented = [...places.keys()].filter((id) => !this.attempted.has(id));
    expect({ lost, doubled, disordered, moved, invented }).toEqual({
      lost: [],
      doubled: [],
      disordered: [],
      moved: [],
      invented: [],
    });
    return places.size;
  }
}

/** One idempotent producer that sends batches, one after the other, until it is told to end. */
class KafkaJsProducer {
  private readonly producer;
  private seq = 0;
  private isEnding = false;

  constructor(
    private readonly index: number,
    broker: SuiteBroker,
    private readonly ledger: Ledger,
    private readonly random: Random,
  ) {
    const retry = { initialRetryTime: 100, maxRetryTime: 300, retries: 10_000 };
    const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry });
    this.producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
      retry,
    });
  }

  connect = () => this.producer.connect();
  disconnect = () => this.producer.disconnect();
  end(): void {
    this.isEnding = true;
  }

  async run(): Promise<void> {
    while (!this.isEnding) {
      const partition = this.random.int(PARTITIONS);
      const ids = Array.from({ length: 1 + this.random.int(5) }, () => `js${this.index}#${this.seq++}`);
      for (const id of ids) this.ledger.attempt(id);
      const [sent] = await this.producer.send({
        topic: TOPIC,
        acks: -1,
        messages: ids.map((value) => ({ partition, key: `${this.index}`, value })),
      });
      const baseOffset = Number(sent!.baseOffset);
      for (const [i, id] of ids.entries()) {
        this.ledger.acknowledge(id, baseOffset < 0 ? undefined : { partition, offset: baseOffset + i });
      }
    }
  }
}

const KCAT_INTERVAL_MS = 5;

/** kcat, idempotent: it acknowledges all its records together, with its exit code. */
class KcatProducer {
  private readonly child;
  private readonly exit: Promise<[number | null]>;
  private readonly ids: string[] = [];
  private readonly timer;

  constructor(
    broker: SuiteBroker,
    private readonly ledger: Ledger,
  ) {
    const settings = ['enable.idempotence=true', 'linger.ms=2', 'reconnect.backoff.max.ms=300'];
    const options = settings.flatMap((setting) => ['-X', setting]);
    this.child = spawn('kcat', ['-b', broker.bootstrap, '-E', '-P', '-t', TOPIC, '-p', '0', ...options], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.exit = once(this.child, 'exit') as Promise<[number | null]>;
    // What it cannot take any more, its exit code tells of.
    this.child.stdin.on('error', () => {});
    this.timer = setInterval(() => {
      const id = `kcat#${this.ids.length}`;
      this.ids.push(id);
      this.ledger.attempt(id);
      this.child.stdin.write(`${id}\n`);
    }, KCAT_INTERVAL_MS);
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    this.child.stdin.end();
    const [code] = await this.exit;
    expect(code, 'kcat delivered everything').toBe(0);
    for (const id of this.ids) this.ledger.acknowledge(id);
  }

  async kill(): Promise<void> {
    clearInterval(this.timer);
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }
}
