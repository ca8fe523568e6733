import type { INestApplicationContext } from '@nestjs/common';
import { SortedKeyMap } from '@genrocks/storage';
import { type Partition, TopicsService } from '@genrocks/topics';
import { MemoryAdapter, type MemoryDisk } from '@genrocks/topics/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { embed, storageOn } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { produce } from '../protocol/apis/produce.js';
import { KafkaState } from '../state/kafka-state.js';
import { ProducerIds } from './producer-ids.js';
import { ProducerRegistry } from './producer-registry.js';

/** The key of topic `t`, partition 0, on the disk. */
const DATA = 't:0';
const STATE = '__genrocks_kafka:0';

function copyOf(data: SortedKeyMap<Buffer> | undefined): SortedKeyMap<Buffer> {
  const copy = new SortedKeyMap<Buffer>();
  for (const [key, value] of data?.page('', undefined, false, Infinity) ?? []) copy.set(key, value);
  return copy;
}

describe('producers whose last batches the log has lost', () => {
  let disk: MemoryDisk;
  let app: INestApplicationContext;
  let partition: Partition;
  let client: RawClient;
  let send: (sequence: number, other?: { producerId: number }) => Promise<number>;

  /** Starts on the contents of the disk, as after a power cut without an orderly close. */
  async function boot(): Promise<void> {
    const embedded = await embed(
      {},
      { storage: storageOn(new MemoryAdapter(disk)), topics: [{ name: 't' }] },
    );
    ({ app } = embedded);
    partition = embedded.topics.topic('t').partition(0);
    client = await RawClient.connect(embedded.port);
    send = async (sequence, { producerId } = { producerId: 7 }) => {
      const records = await makeBatch(embedded.topics, 1, { producerId, epoch: 0, sequence });
      const answer = await client.call(produce, 9, {
        transactionalId: null,
        acks: -1,
        timeoutMs: 1_000,
        topics: [{ name: 't', partitions: [{ index: 0, records }] }],
      });
      const { errorCode, baseOffset } = answer.topics[0]!.partitions[0]!;
      expect(errorCode).toBe(0);
      return baseOffset;
    };
  }

  async function stop(): Promise<void> {
    client.end();
    await app.close();
  }

  /** Removes the log's entries from this one on; everything else stays. */
  function lose(from: number): void {
    const data = disk.get(DATA)!;
    for (const [key] of data.page('', undefined, false, Infinity).slice(from)) data.delete(key);
  }

  /** Flips a bit of the log's n-th entry. */
  function damage(n: number): void {
    const data = disk.get(DATA)!;
    const [key, value] = data.page('', undefined, false, Infinity)[n]!;
    const rot = Buffer.from(value);
    rot[rot.length - 1]! ^= 1;
    data.set(key, rot);
  }

  const stored = async () => (await partition.readBatches({ offset: partition.startOffset })).batches.length;

  beforeEach(async () => {
    disk = new Map();
    await boot();
    for (const sequence of [0, 1, 2]) await send(sequence);
  });
  afterEach(stop);

  it('can send them again, and have them stored only once', async () => {
    await stop();
    lose(1);
    await boot();
    expect(await send(1)).toBe(1);
    expect(await stored()).toBe(2);
    expect(await send(1)).toBe(1);
    expect(await stored()).toBe(2);
    expect(await send(2)).toBe(2);
    expect(await stored()).toBe(3);
    // After the next start, the batches at the offsets of the lost ones are known.
    await stop();
    await boot();
    expect(await send(2)).toBe(2);
    expect(await stored()).toBe(3);
  });

  it('have them stored beyond the offsets that a group has read of the lost ones', async () => {
    const { groups } = app.get(TopicsService);
    await groups.commitOffsets('g', [{ topic: 't', partition: 0, offset: 3 }]);
    await stop();
    lose(1);
    await boot();
    expect(await send(1)).toBe(3);
    expect(await stored()).toBe(2);
    expect(await send(0)).toBe(0);
  });

  it('have them stored even if the log has grown over their offsets first', async () => {
    await stop();
    lose(1);
    await boot();
    for (const value of [1, 2, 3]) await app.get(TopicsService).publish('t', { value });
    await stop();
    await boot();
    expect(await send(1)).toBe(4);
    expect(await send(0)).toBe(0);
    expect(await send(2)).toBe(5);
    expect(await send(1)).toBe(4);
  });

  it('have them stored if nothing is left of the log that their snapshot describes', async () => {
    await stop();
    lose(0);
    await boot();
    for (const value of [1, 2, 3, 4]) await app.get(TopicsService).publish('t', { value });
    await partition.deleteRecords(3);
    await stop();
    await boot();
    expect(await send(2)).toBe(4);
  });

  it('are known after a kill by the batches at the offsets of the lost ones', async () => {
    await stop();
    lose(1);
    await boot();
    const producer8 = { producerId: 8 };
    expect(await send(0, producer8)).toBe(1);
    expect(await send(1)).toBe(2);
    // The disk as a kill leaves it, without an orderly close.
    const killed: MemoryDisk = new Map([...disk].map(([name, data]) => [name, copyOf(data)]));
    await stop();
    disk = killed;
    await boot();
    expect(await send(0, producer8)).toBe(1);
    expect(await send(1)).toBe(2);
    expect(await send(2)).toBe(3);
  });

  it.each([0, 1, 2])('can continue to write if batch %d of the log is damaged', async (rotten) => {
    await stop();
    damage(rotten);
    await boot();
    // New producers can write, and so can known ones whose last batch is intact.
    expect(await send(0, { producerId: 8 })).toBe(3);
    if (rotten < 2) {
      expect(await send(2)).toBe(2);
      expect(await send(3)).toBe(4);
    }
  });

  it('can continue after a kill if their batches since the last snapshot are damaged', async () => {
    await stop();
    await boot();
    expect(await send(3)).toBe(3);
    expect(await send(0, { producerId: 8 })).toBe(4);
    const killed: MemoryDisk = new Map([...disk].map(([name, data]) => [name, copyOf(data)]));
    await stop();
    disk = killed;
    damage(3);
    await boot();
    expect(await send(4)).toBe(5);
    // What comes after the damage is known.
    expect(await send(0, { producerId: 8 })).toBe(4);
    expect(await send(4)).toBe(5);
  });

  it('have all batches stored again if the log is empty', async () => {
    await stop();
    lose(0);
    await boot();
    expect(await send(0)).toBe(0);
    expect(await stored()).toBe(1);
  });
});

describe('the state of the listener', () => {
  it('lists no batch before the log has synced it', async () => {
    const disk: MemoryDisk = new Map();
    const adapter = new MemoryAdapter(disk);
    const { app, topics } = await embed({}, { storage: storageOn(adapter), topics: [{ name: 't' }] });
    const synced: number[] = [];
    adapter.onSync = (topic) => void (topic === 't' && synced.push(disk.get(STATE)?.size ?? 0));
    const state = new KafkaState();
    await state.open(adapter);
    const producers = new ProducerRegistry(state);
    const topic = topics.topic('t');
    await topic.publish({ value: 1 });
    const before = disk.get(STATE)!.size;
    await producers.saveOf(topic, topic.partition(0));
    expect(synced).toEqual([before]);
    expect(disk.get(STATE)!.size).toBe(before + 1);
    await app.close();
  });

  it('gives no producer id twice after a power cut that took all unsynced writes', async () => {
    const disk: MemoryDisk = new Map();
    const first = await allocator(disk);
    const ids = await allocate(first.ids, 1);
    // The first block is on the device; later writes reach it only when synced.
    const device: MemoryDisk = new Map([[STATE, copyOf(disk.get(STATE))]]);
    first.adapter.onSync = () => void device.set(STATE, copyOf(disk.get(STATE)));
    ids.push(...(await allocate(first.ids, 2_999)));
    const { ids: again } = await allocator(device);
    expect(await again.allocate()).toBeGreaterThan(Math.max(...ids));
  });

  it('gives no producer id twice after a start on a copy from before the ids were given', async () => {
    const disk: MemoryDisk = new Map();
    const { ids: before } = await allocator(disk);
    const given = await allocate(before, 1);
    const copy: MemoryDisk = new Map([[STATE, copyOf(disk.get(STATE))]]);
    given.push(...(await allocate(before, 2_999)));
    const { ids: restored } = await allocator(copy);
    given.push(...(await allocate(restored, 3_000)));
    expect(new Set(given).size).toBe(6_000);
  });

  /** An allocator as a new process creates it. */
  async function allocator(disk: MemoryDisk): Promise<{ ids: ProducerIds; adapter: MemoryAdapter }> {
    const adapter = new MemoryAdapter(disk);
    const state = new KafkaState();
    await state.open(adapter);
    return { ids: new ProducerIds(state), adapter };
  }

  async function allocate(ids: ProducerIds, count: number): Promise<number[]> {
    const given: number[] = [];
    for (let i = 0; i < count; i++) given.push(await ids.allocate());
    return given;
  }
});
