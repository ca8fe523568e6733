import { NoSpaceError, SyncFailedError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MapDisk } from './__fixtures__/map-adapter.js';
import { type Running, startService } from './__fixtures__/service.js';
import { Collector } from './__fixtures__/waiting.js';
import type { Message } from './message.js';

// Deliberate errors would fill the output.
const PARTITIONS = 3;

type Step =
  | { readonly type: 'publish' | 'batch'; readonly partitions: readonly number[] }
  | { readonly type: 'fail'; readonly partition: number; readonly unknown: boolean }
  | { readonly type: 'consume' | 'truncate' | 'restart' | 'stop' };

const partition = fc.integer({ min: 0, max: PARTITIONS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom('publish', 'batch'), partitions: fc.array(partition) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fail'), partition, unknown: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom('consume', 'truncate', 'restart', 'stop') }),
  },
);

interface Stored {
  readonly offset: number;
  readonly value: number;
}

/** What a partition must hold and what its group must have seen. */
class Model {
  readonly live: Stored[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly highest = new Array<number>(PARTITIONS).fill(-1);
  /** Acknowledged and not truncated before the group could read it. */
  readonly owed: Set<number>[] = Array.from({ length: PARTITIONS }, () => new Set<number>());

  stored(partition: number, offset: number, value: number): void {
    expect(offset).toBeGreaterThan(this.highest[partition]!);
    this.highest[partition] = offset;
    this.live[partition]!.push({ offset, value });
    this.owed[partition]!.add(value);
  }
}

async function consume({ service }: Running, model: Model): Promise<void> {
  const owed = model.owed.reduce((sum, set) => sum + set.size, 0);
  const seen = new Collector<Message<number>>();
  const last = new Array<number>(PARTITIONS).fill(-1);
  const group = await service.startConsumerGroup<number>({
    group: 'g',
    topics: ['orders'],
    autoCommitIntervalMs: 0,
    handler: (message) => {
      expect(message.offset).toBeGreaterThan(last[message.partition]!);
      last[message.partition] = message.offset;
      seen.push(message);
    },
  });
  await seen.atLeast(owed);
  await group.stop();
  expect(group.stats().failed).toBe(0);
  for (const message of seen.items) expect(model.owed[message.partition]!.delete(message.value)).toBe(true);
  for (const set of model.owed) expect(set.size).toBe(0);
}

async function checkLive({ service }: Running, model: Model): Promise<void> {
  for (const one of service.topic<number>('orders').partitions) {
    const got: Stored[] = [];
    for (let offset = one.startOffset; offset < one.endOffset;) {
      const read = await one.readMessages<number>({ offset, maxBytes: 200 });
      got.push(...read.messages.map(({ offset: at, value }) => ({ offset: at, value })));
      offset = read.nextOffset;
    }
    expect(got).toEqual(model.live[one.index]);
  }
}

describe('a topic over any history', () => {
  it('loses nothing, keeps its order, and never assigns an offset twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const disk: MapDisk = new Map();
        const options = {
          maxBatchBytes: 1024,
          tailCacheBytes: 400,
          topics: [{ name: 'orders', partitions: PARTITIONS }],
        };
        let running = await startService(options, disk);
        const model = new Model();
        let value = 0;
        for (const one of steps) {
          const topic = running.service.topic<number>('orders');
          if (one.type === 'publish') {
            const sent = one.partitions.map((index) => ({ index, value: value++ }));
            const results = await Promise.all(
              sent.map((message) => topic.publish({ value: message.value, partition: message.index })),
            );
            results.forEach(({ offset }, i) => model.stored(sent[i]!.index, offset, sent[i]!.value));
          } else if (one.type === 'batch') {
            const messages = one.partitions.map((index) => ({ value: value++, partition: index }));
            const results = await topic.publishBatch(messages);
            results.forEach(({ offset }, i) =>
              model.stored(messages[i]!.partition, offset, messages[i]!.value),
            );
          } else if (one.type === 'fail') {
            running.adapter.onWrite = () => {
              throw one.unknown ? new SyncFailedError('it') : new NoSpaceError('it');
            };
            await expect(topic.publish({ value: -1, partition: one.partition })).rejects.toThrowError();
            running.adapter.onWrite = () => {};
          } else if (one.type === 'consume') await consume(running, model);
          else if (one.type === 'truncate') {
            await topic.truncate();
            model.live.forEach((list) => list.splice(0));
            model.owed.forEach((set) => set.clear());
          } else if (one.type === 'stop') {
            await running.service.stopTopic('orders');
            await running.service.startTopic('orders');
          } else {
            await running.stop();
            running = await startService(options, disk);
          }
        }
        await checkLive(running, model);
        await consume(running, model);
        await running.stop();
      }),
      { numRuns: 150 },
    );
  });
});
