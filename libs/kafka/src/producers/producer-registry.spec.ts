import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import type { Partition, Topic } from '@genrocks/topics';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { KafkaState } from '../state/kafka-state.js';
import { producerOf } from './batch-producer.js';
import { ProducerIds } from './producer-ids.js';
import { ProducerRegistry } from './producer-registry.js';

describe('producers across restarts', () => {
  let embedded: Embedded;
  let topic: Topic;
  let partition: Partition;
  const state = new KafkaState();

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 't' }] });
    topic = embedded.topics.topic('t');
    partition = topic.partition(0);
    await state.open(new EtsStorageAdapter());
  });
  afterEach(async () => {
    await state.close();
    await embedded.app.close();
  });

  const of = async (registry: ProducerRegistry) => registry.use(topic, partition, (producers) => producers);

  async function append(registry: ProducerRegistry, sequence: number, count: number): Promise<Buffer> {
    const batch = await makeBatch(embedded.topics, count, { producerId: 7, epoch: 0, sequence });
    const producers = await of(registry);
    await partition.append(batch, { claim: producers.begin(producerOf(batch)!, partition.endOffset) });
    return batch;
  }

  it.each([
    ['a crash: from the log alone', false],
    ['a clean stop: from the snapshot', true],
  ])('are known again after %s', async (_name, isClean) => {
    const before = new ProducerRegistry(state);
    const first = await append(before, 0, 2);
    if (isClean) await before.saveAll();
    const second = await append(before, 2, 3);
    if (isClean) await before.saveAll();
    const after = await of(new ProducerRegistry(state));
    for (const [batch, offset] of [
      [first, 0],
      [second, 2],
    ] as const) {
      const verdict = after.check(producerOf(batch)!);
      expect(verdict.kind).toBe('duplicate');
      expect(verdict.kind === 'duplicate' && (await verdict.stored)).toBe(offset);
    }
    expect(after.check({ producerId: 7, epoch: 0, baseSequence: 5, records: 1 }).kind).toBe('append');
    expect(after.check({ producerId: 7, epoch: 0, baseSequence: 9, records: 1 }).kind).toBe('refuse');
  });

  it('are known by the log after the snapshot too', async () => {
    const before = new ProducerRegistry(state);
    await append(before, 0, 2);
    await before.saveAll();
    const late = await append(before, 2, 1);
    const after = await of(new ProducerRegistry(state));
    expect(after.check(producerOf(late)!).kind).toBe('duplicate');
  });

  it('are saved when others have written many records after them', async () => {
    const before = new ProducerRegistry(state);
    const first = await append(before, 0, 1);
    for (let i = 0; i < 10; i++) {
      const others = Array.from({ length: 10_001 }, () => ({ value: 0 }));
      await topic.publishBatch(others);
      await before.stored(topic, partition);
    }
    const after = await of(new ProducerRegistry(state));
    expect(after.check(producerOf(first)!).kind).toBe('duplicate');
  });

  it.each([
    ['retention has dropped', async () => void (await partition.deleteRecords(5))],
    [
      'lie too far back',
      async () => {
        for (let i = 0; i < 10; i++)
          await topic.publishBatch(Array.from({ length: 10_001 }, () => ({ value: 0 })));
      },
    ],
  ])('may continue anywhere if their batches after the snapshot %s', async (_why, hide) => {
    const before = new ProducerRegistry(state);
    await append(before, 0, 2);
    await before.saveAll();
    await append(before, 2, 3);
    await hide();
    const after = await of(new ProducerRegistry(state));
    expect(after.check({ producerId: 7, epoch: 0, baseSequence: 5, records: 1 }).kind).toBe('append');
  });

  it('are passed to callbacks in the order of the calls, while loading and afterwards', async () => {
    await append(new ProducerRegistry(state), 0, 1);
    const registry = new ProducerRegistry(state);
    const order: number[] = [];
    const ask = async (i: number) => registry.use(topic, partition, () => void order.push(i));
    const asked = [ask(0), ask(1), ask(2)];
    // Call in every turn, from the first one in which the entry may be loaded.
    for (let i = 3; order.length === 0 || i < 40; i++) {
      asked.push(ask(i));
      await Promise.resolve();
    }
    await Promise.all(asked);
    expect(order).toEqual(asked.map((_, i) => i));
  });

  it('are remembered up to a limit; the least recently used is forgotten first', async () => {
    const producers = await of(new ProducerRegistry(state));
    for (let producerId = 0; producerId < 1_100; producerId++) {
      producers.replay({ producerId, epoch: 0, baseSequence: 0, records: 1 }, producerId);
    }
    expect(producers.size).toBe(1_000);
    expect(producers.check({ producerId: 0, epoch: 0, baseSequence: 5, records: 1 }).kind).toBe('append');
    expect(producers.check({ producerId: 1_099, epoch: 0, baseSequence: 5, records: 1 }).kind).toBe('refuse');
  });

  it('never get an id twice', async () => {
    const ids = new ProducerIds(state);
    const before = await Promise.all(Array.from({ length: 1_500 }, () => ids.allocate()));
    const again = await new ProducerIds(state).allocate();
    expect(new Set([...before, again]).size).toBe(1_501);
  });
});
