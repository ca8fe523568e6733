import { Module } from '@nestjs/common';
import fc from 'fast-check';
import { NoSpaceError, SortedKeyMap, StorageAdapter, SyncFailedError } from '@genrocks/storage';
import { readBatchHeader } from '@genrocks/topics/records';
import { MemoryAdapter, type MemoryDisk } from '@genrocks/topics/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32c, makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { produce } from '../protocol/apis/produce.js';
import { ErrorCode } from '../protocol/error-codes.js';

const TOPIC = 't';
const IN_FLIGHT = 5;
const MAX_RECORDS = 3;

@Module({})
class Memory {}

/** Batches of non-idempotent producers with 1, 2, ... records. */
const templates: Buffer[] = [];

beforeAll(async () => {
  const { app, topics } = await embed();
  for (let count = 1; count <= MAX_RECORDS; count++) templates.push(await makeBatch(topics, count));
  await app.close();
});

function batchOf(producerId: number, { sequence, records }: Planned): Buffer {
  const batch = Buffer.from(templates[records - 1]!);
  batch.writeBigInt64BE(BigInt(producerId), 43);
  batch.writeInt16BE(0, 51);
  batch.writeInt32BE(sequence, 53);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/** A broker whose writes are delayed or fail by plan, and that can be restarted. */
class World {
  private adapter!: MemoryAdapter;
  private isBroken = false;
  embedded!: Embedded;

  constructor(private readonly faults: Iterator<Fault>) {}

  async start(disk: MemoryDisk = new Map()): Promise<void> {
    this.isBroken = false;
    const adapter = new MemoryAdapter(disk);
    this.adapter = adapter;
    const storage = {
      module: Memory,
      providers: [{ provide: StorageAdapter, useValue: adapter }],
      exports: [StorageAdapter],
    };
    this.embedded = await embed({}, { storage, topics: [{ name: TOPIC }] });
    adapter.onWrite = async (topic, partition, operations) => {
      if (topic !== TOPIC) return;
      if (this.isBroken) throw new SyncFailedError('the log', 'open it again');
      const next = this.faults.next();
      const fault: Fault = next.done === true ? { kind: 'none', turns: 0 } : next.value;
      await turns(fault.turns);
      if (fault.kind !== 'broken') {
        if (fault.kind === 'noSpace') throw new NoSpaceError('the log');
        return;
      }
      // The outcome is unknown: the log accepts no writes until it is reopened.
      this.isBroken = true;
      const data = disk.get(`${topic}:${partition}`)!;
      for (const operation of operations) {
        if (operation.type === 'put' && fault.isStored)
          data.set(Buffer.from(operation.key).toString('latin1'), Buffer.from(operation.value));
      }
      throw new SyncFailedError('the log', 'open it again');
    };
  }

  /** Stops, in order or by a crash, and starts again on the data stored by then. */
  async restart(isCrash: boolean): Promise<void> {
    const old = this.embedded;
    const disk = isCrash ? copyOf(this.adapter.disk) : this.adapter.disk;
    if (isCrash) void old.app.close();
    else await old.app.close();
    await this.start(disk);
  }

  get needsRestart(): boolean {
    return this.isBroken;
  }

  async stored(): Promise<{ producerId: number; sequence: number; baseOffset: number }[]> {
    const partition = this.embedded.topics.topic(TOPIC).partition(0);
    const { batches } = await partition.readBatches({ offset: 0, maxBytes: 1e9 });
    return batches.map((batch) => {
      const { producerId, baseSequence: sequence, baseOffset } = readBatchHeader(batch);
      return { producerId, sequence, baseOffset };
    });
  }
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  return new Map(
    [...disk].map(([id, data]) => {
      const copy = new SortedKeyMap<Buffer>();
      for (const [key, value] of data.page('', undefined, false, Infinity)) copy.set(key, value);
      return [id, copy];
    }),
  );
}

type Fault =
  | { readonly kind: 'none' | 'noSpace'; readonly turns: number }
  | { readonly kind: 'broken'; readonly turns: number; readonly isStored: boolean };

interface Planned {
  readonly sequence: number;
  readonly records: number;
}

/** An idempotent producer like librdkafka: up to five requests in flight; failed ones are sent again in order. */
class Producer {
  readonly plan: Planned[];
  readonly acknowledged: number[] = [];
  private client: RawClient | undefined;

  constructor(
    private readonly world: World,
    readonly id: number,
    sizes: readonly number[],
  ) {
    let sequence = 0;
    this.plan = sizes.map((records) => ({ sequence: (sequence += records) - records, records }));
  }

  get isDone(): boolean {
    return this.acknowledged.length === this.plan.length;
  }

  async send(planned: Planned): Promise<{ errorCode: number; baseOffset: number }> {
    const client = this.client ?? (await this.connect());
    const partitions = [{ index: 0, records: batchOf(this.id, planned) }];
    const request = { acks: -1, timeoutMs: 1000, topics: [{ name: TOPIC, partitions }] };
    return (await client.call(produce, 9, request)).topics[0]!.partitions[0]!;
  }

  /** Sends the next batches and awaits all answers, or disconnects in the middle. */
  async round(gap: number, goesAwayAfter: number | undefined): Promise<void> {
    try {
      if (this.client === undefined) await this.connect();
    } catch {
      return this.leave();
    }
    const first = this.acknowledged.length;
    const answers: ReturnType<Producer['send']>[] = [];
    for (const planned of this.plan.slice(first, first + IN_FLIGHT)) {
      if (this.client === undefined) break;
      const answer = this.send(planned);
      answer.catch(() => {});
      answers.push(answer);
      await turns(gap);
    }
    const settled = Promise.allSettled(answers);
    if (goesAwayAfter !== undefined) {
      await turns(goesAwayAfter);
      this.leave();
    }
    for (const [i, answer] of (await settled).entries()) {
      if (answer.status === 'rejected') return this.leave();
      const { errorCode, baseOffset } = answer.value;
      const isNext = first + i === this.acknowledged.length;
      if (errorCode === 0) {
        expect(isNext).toBe(true);
        this.acknowledged.push(baseOffset);
        continue;
      }
      // For the next batch in turn, this code would mean that the broker has lost acknowledged ones.
      if (isNext) expect(errorCode).not.toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      expect([
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      ]).toContain(errorCode);
    }
  }

  private async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.world.embedded.port);
    void client.closed.then(() => this.client === client && (this.client = undefined));
    return (this.client = client);
  }

  leave(): void {
    this.client?.end();
    this.client = undefined;
  }
}

const faults = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('none' as const), turns: fc.nat(6) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('noSpace' as const), turns: fc.nat(6) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('broken' as const),
        turns: fc.nat(6),
        isStored: fc.boolean(),
      }),
    },
  ),
  { maxLength: 30 },
);
const sizes = fc.array(fc.integer({ min: 1, max: MAX_RECORDS }), { minLength: 1, maxLength: 14 });
/** Events during each round: a producer disconnects, or the broker restarts. */
const events = fc.array(
  fc.record({
    /** Turns between two requests of a producer: close ones share a write, others wait for the write before. */
    gap: fc.nat(2),
    away: fc.option(fc.nat(8), { nil: undefined, freq: 4 }),
    restart: fc.constantFrom('none', 'none', 'none', 'clean', 'crash'),
    midway: fc.boolean(),
  }),
  { maxLength: 12 },
);

describe('idempotent producers with several requests in flight', () => {
  it('lose no batch, store none twice and keep their order, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(faults, fc.array(sizes, { minLength: 1, maxLength: 3 }), events, check),
      { numRuns: 25 },
    );
  }, 60_000);
});

async function check(
  planned: Fault[],
  plans: number[][],
  happening: { gap: number; away: number | undefined; restart: string; midway: boolean }[],
): Promise<void> {
  const world = new World(planned[Symbol.iterator]());
  await world.start();
  const producers = plans.map((plan, i) => new Producer(world, 100 + i, plan));
  const queue = happening[Symbol.iterator]();
  for (let round = 0; !producers.every(({ isDone }) => isDone); round++) {
    expect(round).toBeLessThan(200);
    const { gap, away, restart, midway } = queue.next().value ?? {
      gap: 1,
      away: undefined,
      restart: 'none',
      midway: false,
    };
    const rounds = producers.map((producer, i) => producer.round(gap, i === round % 3 ? away : undefined));
    if (!midway) await Promise.all(rounds);
    const restarts = restart !== 'none' || world.needsRestart;
    if (restarts) {
      // A crash leaves the data that was stored when the connections broke.
      if (restart === 'crash') for (const producer of producers) producer.leave();
      await world.restart(restart === 'crash');
    }
    await Promise.all(rounds);
    if (restarts) for (const producer of producers) producer.leave();
  }
  for (const isRestarted of [false, true]) {
    if (isRestarted) await world.restart(true);
    await expectExactly(world, producers);
  }
  await world.embedded.app.close();
}

/** Each batch is stored once, at its acknowledged offset, and the last ones are recognized when sent again. */
async function expectExactly(world: World, producers: readonly Producer[]): Promise<void> {
  const stored = await world.stored();
  for (const { id, plan, acknowledged } of producers) {
    const mine = stored.filter(({ producerId }) => producerId === id);
    expect(mine.map(({ sequence }) => sequence)).toEqual(plan.map(({ sequence }) => sequence));
    expect(mine.map(({ baseOffset }) => baseOffset)).toEqual(acknowledged);
  }
  for (const producer of producers) {
    producer.leave();
    for (const [i, planned] of producer.plan.slice(-IN_FLIGHT).entries()) {
      const baseOffset = producer.acknowledged.slice(-IN_FLIGHT)[i]!;
      const answer = await producer.send(planned);
      expect([answer.errorCode, answer.baseOffset]).toEqual([0, baseOffset]);
    }
    const last = producer.plan.at(-1)!;
    const later = { sequence: last.sequence + last.records + 1, records: 1 };
    expect((await producer.send(later)).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    producer.leave();
  }
  expect(await world.stored()).toEqual(stored);
}
