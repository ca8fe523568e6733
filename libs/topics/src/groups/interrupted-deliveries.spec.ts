import { StorageIoError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { type Running, useServices } from '../__fixtures__/service.js';
import { Collector, deferred, settled } from '../__fixtures__/waiting.js';
import { META_TOPIC } from '../meta/meta-store.js';
import type { ConsumerGroupOptions, HandlerContext } from './group.types.js';

const start = useServices();

/** A sequence of processes on the same disk. */
class Processes {
  readonly tries: string[] = [];
  readonly calls = new Collector<string>();
  /** Handlers that get one of these values never return. */
  deadly = new Set<unknown>(['bad']);
  private readonly disk: MapDisk = new Map();
  running!: Running;

  async begin(options: Partial<ConsumerGroupOptions> = {}, ...messages: [string | null, unknown][]) {
    this.running = await start({ drainTimeoutMs: 1 }, this.disk);
    const { service } = this.running;
    const topic = await service.startTopic('orders');
    if (messages.length > 0) {
      await topic.publishBatch(messages.map(([key, value]) => ({ key, value })));
    }
    const { batchHandler } = options;
    await service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      autoCommitIntervalMs: 0,
      ...(batchHandler === undefined && {
        handler: ({ value }, context: HandlerContext) => this.handle(value, context.attempt),
      }),
      ...options,
    });
  }

  handle(value: unknown, attempt: number): unknown {
    this.tries.push(`${String(value)} ${attempt}`);
    this.calls.push(String(value));
    return this.deadly.has(value) ? new Promise(() => {}) : undefined;
  }

  /** Ends the process: the next one finds what is stored now, and nothing this one still does counts. */
  async kill(): Promise<void> {
    await settled();
    const { adapter } = this.running;
    adapter.onWrite = () => {
      throw new StorageIoError('the process is gone');
    };
    // Handlers that never return are abandoned after half a second.
    void this.running.stop();
  }

  committed() {
    return this.running.service.groups.committed('g', 'orders', 0);
  }

  /** The tries since the last call. */
  takeTries(): string[] {
    return this.tries.splice(0);
  }

  async letters() {
    const { service } = this.running;
    const letters = await service.deadLetters.list('orders.dlq');
    return letters.map(({ message, attempts, error }) => [message.value, attempts, error]);
  }
}

describe('a message whose handler ends the process', () => {
  it('is given up after as many ends as are allowed; the first counts for nobody', async () => {
    const processes = new Processes();
    const options = { retry: { interruptions: 2 } };
    await processes.begin(options, ['a', 'first'], ['b', 'bad'], ['b', 'behind'], ['c', 'last']);
    await processes.kill();
    expect(processes.takeTries()).toEqual(['first 1', 'bad 1']);
    await processes.begin(options);
    await processes.kill();
    expect(processes.takeTries()).toEqual(['bad 1']);
    await processes.begin(options);
    await processes.kill();
    expect(processes.takeTries()).toEqual(['bad 2']);
    await processes.begin(options);
    await settled();
    expect(processes.takeTries().sort()).toEqual(['behind 1', 'last 1']);
    expect(processes.committed()?.offset).toBe(4);
    expect(await processes.letters()).toEqual([['bad', 2, 'DELIVERY_INTERRUPTED']]);
  });

  it('is found among those that are handled beside it, and among those of a batch', async () => {
    for (const batch of [false, true]) {
      const processes = new Processes();
      const options: Partial<ConsumerGroupOptions> = {
        retry: { interruptions: 1 },
        ...(batch
          ? {
              batchHandler: (messages, { attempt }) =>
                messages.map(({ value }) => processes.handle(value, attempt)).find(Boolean),
            }
          : { concurrency: 3 }),
      };
      processes.deadly = new Set(['bad', 'slow']);
      await processes.begin(options, ['a', 'slow'], ['b', 'bad'], ['c', 'good']);
      await processes.kill();
      expect(processes.takeTries()).toEqual(['slow 1', 'bad 1', 'good 1']);
      processes.deadly.delete('slow');
      await processes.begin(options);
      await processes.kill();
      expect(processes.takeTries()).toEqual(['slow 1', 'bad 1']);
      await processes.begin(options);
      await settled();
      expect(processes.takeTries()).toEqual(['good 1']);
      expect(await processes.letters()).toEqual([['bad', 1, 'DELIVERY_INTERRUPTED']]);
    }
  });

  it('may be handled for ever, where that is wanted: then nothing is noted', async () => {
    const processes = new Processes();
    const options = { retry: { attempts: Infinity } };
    await processes.begin(options, ['a', 'bad']);
    for (let round = 0; round < 5; round++) {
      await processes.kill();
      expect(processes.takeTries()).toEqual(['bad 1']);
      expect(processes.committed()?.deliveries).toBeUndefined();
      await processes.begin(options);
    }
  });

  it('and is handled in the end owes nothing', async () => {
    const processes = new Processes();
    await processes.begin({}, ['a', 'bad']);
    for (let round = 0; round < 3; round++) {
      await processes.kill();
      await processes.begin();
    }
    await processes.kill();
    processes.deadly.clear();
    await processes.begin();
    await settled();
    expect(processes.takeTries().at(-1)).toBe('bad 4');
    await processes.running.stop();
    expect(processes.committed()).toMatchObject({ offset: 1 });
    expect(processes.committed()?.deliveries).toBeUndefined();
  });
});

describe('messages in handlers of several partitions when the process ends', () => {
  /**
   * Ends a process whenever a bad message is handled, until all is done. Returns the messages given up on,
   * and the number of processes. Handlers of other messages take a while, during which they are suspect too.
   */
  async function untilDone(interruptions: number, values: readonly string[], groups = ['g']) {
    const disk: MapDisk = new Map();
    const givenUp: unknown[] = [];
    for (let ends = 0; ; ends++) {
      const running = await start({ drainTimeoutMs: 1 }, disk);
      const { service, adapter } = running;
      const topic = await service.startTopic('orders', { partitions: values.length });
      if (ends === 0)
        await Promise.all(values.map((value, partition) => topic.publish({ value, partition })));
      const ended = deferred<'ended'>();
      const handler: ConsumerGroupOptions['handler'] = async ({ value }) => {
        if (value !== 'bad') return settled();
        adapter.onWrite = () => {
          throw new StorageIoError('the process is gone');
        };
        ended.resolve('ended');
        await new Promise(() => {});
      };
      service.events.on('dead-letter', ({ group, partition }) =>
        givenUp.push(`${group} ${values[partition]}`),
      );
      for (const group of groups) {
        const retry = { interruptions };
        await service.startConsumerGroup({
          group,
          topics: ['orders'],
          autoCommitIntervalMs: 0,
          retry,
          handler,
        });
      }
      const isDone = async () => {
        const lags = await Promise.all(
          groups.map(async (group) => (await service.groups.describe(group)).lag),
        );
        return lags.every((lag) => lag === 0);
      };
      const finished = (async () => {
        while (!(await isDone())) await settled();
        return 'finished' as const;
      })();
      if ((await Promise.race([ended.promise, finished])) === 'finished') return { ends, givenUp };
      void running.stop();
      if (ends > 20) throw new Error('it never ends');
    }
  }

  it.each([1, 2, 3])('are not given up for one of them that ends it, at %i interruptions', async (limit) => {
    const { ends, givenUp } = await untilDone(limit, ['a', 'b', 'bad', 'c']);
    expect(givenUp).toEqual(['g bad']);
    // The first end blames no message, the second all of them.
    expect(ends).toBe(2 + limit);
  });

  it('are not given up for two of them, or in other groups', async () => {
    const { givenUp } = await untilDone(2, ['a', 'bad', 'bad', 'b'], ['g', 'h']);
    expect(givenUp.sort()).toEqual(['g bad', 'g bad', 'h bad', 'h bad']);
  });
});

describe('tries', () => {
  const failing = (processes: Processes): Partial<ConsumerGroupOptions> => ({
    retry: { attempts: 3, initialMs: 3_600_000, maxMs: 3_600_000 },
    handler: ({ value }, { attempt }) => {
      processes.tries.push(`${String(value)} ${attempt}`);
      if (value === 'bad') throw new Error('no');
    },
  });

  it.each(['a stop', 'a kill'])('that failed before %s count', async (what) => {
    const processes = new Processes();
    await processes.begin(failing(processes), ['a', 'bad'], ['b', 'good']);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await settled();
      expect(processes.takeTries()).toContain(`bad ${attempt}`);
      if (what === 'a stop') await processes.running.stop();
      else await processes.kill();
      await processes.begin(failing(processes));
    }
    await settled();
    expect(processes.tries).toEqual([]);
    expect(processes.committed()?.offset).toBe(2);
    expect(await processes.letters()).toEqual([['bad', 3, 'Error']]);
  });

  it('of a group whose offsets were set count anew', async () => {
    const processes = new Processes();
    await processes.begin(failing(processes), ['a', 'bad']);
    await settled();
    const [group] = processes.running.service.consumerGroups;
    await group!.stop();
    await processes.running.service.groups.resetOffsets('g', { to: 'earliest' });
    expect(processes.committed()?.deliveries).toBeUndefined();
  });
});

describe('what is noted', () => {
  it('costs one write before the first message, and is taken back on a stop', async () => {
    const processes = new Processes();
    await processes.begin({ autoCommitIntervalMs: 3_600_000 });
    const { adapter, service } = processes.running;
    let writes = 0;
    adapter.onWrite = (topic) => void (topic === META_TOPIC && writes++);
    for (let i = 0; i < 100; i++) await service.publish('orders', { value: i });
    await settled();
    expect(processes.takeTries()).toHaveLength(100);
    expect(writes).toBe(1);
    expect(processes.committed()).toMatchObject({ offset: 0, deliveries: { inHand: true } });
    await processes.running.stop();
    expect(writes).toBe(2);
    expect(processes.committed()?.deliveries).toBeUndefined();
  });

  it('is not waited for where the store takes nothing', async () => {
    const processes = new Processes();
    await processes.begin({}, ['a', 'good']);
    await processes.kill();
    processes.deadly.clear();
    await processes.begin({}, ['a', 'bad']);
    const { adapter, service } = processes.running;
    adapter.onWrite = (topic) => {
      if (topic === META_TOPIC) throw new StorageIoError('no');
    };
    await service.publish('orders', { value: 'more' });
    await processes.calls.atLeast(3);
    expect(processes.takeTries()).toContain('more 1');
  });
});
