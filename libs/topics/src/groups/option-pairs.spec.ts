import { StorageIoError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { type Running, startService } from '../__fixtures__/service.js';
import { settled } from '../__fixtures__/waiting.js';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import type { Message } from '../message.js';
import type { HandlerContext } from './group.types.js';

// The deliberate failures in this file would fill the output.
/** How the handler fails on a message, and how often. */
const fate = fc.record({
  by: fc.constantFrom('throw' as const, 'nack' as const, 'RetryAfter' as const, 'RejectMessage' as const),
  times: fc.constantFrom(0, 0, 0, 1, 2, Infinity),
});
type Fate = typeof fate extends fc.Arbitrary<infer T> ? T : never;

const options = fc.record({
  line: fc.constantFrom(
    { order: 'key' as const, concurrency: 1 },
    { order: 'key' as const, concurrency: 4 },
    { order: 'partition' as const, concurrency: 1 },
  ),
  batchSize: fc.constantFrom(0, 1, 7),
  commit: fc.constantFrom('auto' as const, 'manual' as const),
  autoCommitIntervalMs: fc.constantFrom(0, 5),
  maxInFlight: fc.constantFrom(1, 3, 100),
  attempts: fc.constantFrom(1, 3),
  initialMs: fc.constantFrom(1, 3),
  interruptions: fc.constantFrom(undefined, 2, Infinity),
});
type Options = typeof options extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('publish' as const),
      fates: fc.array(fate, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('repeat' as const, 'turn' as const, 'stop' as const, 'kill' as const),
    }),
  },
);

/** A sequence of processes, and the fate of each message. */
class Ledger {
  readonly fates: Fate[] = [];
  readonly handled = new Set<number>();
  readonly violations: string[] = [];
  /** Rejected at least once. */
  readonly failed = new Set<number>();
  private readonly calls = new Map<number, number>();
  private readonly newest = new Map<string, number>();
  private readonly disk: MapDisk = new Map();
  private serial = 0;
  isMended = false;
  running!: Running;

  constructor(private readonly options: Options) {}

  async begin(): Promise<void> {
    this.running = await startService({ drainTimeoutMs: 20 }, this.disk);
    const { attempts, initialMs, interruptions, batchSize, line, ...rest } = this.options;
    const { service } = this.running;
    await service.startTopic('t', { partitions: 2, dedup: {} });
    const process = ++this.serial;
    const isCurrent = () => process === this.serial;
    await service.startConsumerGroup<number>({
      group: 'g',
      topics: ['t'],
      ...rest,
      ...line,
      retry: { attempts, initialMs, maxMs: 5, jitter: 0, ...(interruptions && { interruptions }) },
      ...(batchSize === 0
        ? { handler: (message, context) => this.handle([message], context, isCurrent) }
        : { batchSize, batchHandler: (messages, context) => this.handle(messages, context, isCurrent) }),
    });
  }

  /** All messages of a call, or none. */
  private async handle(messages: Message<number>[], context: HandlerContext, isCurrent: () => boolean) {
    await settled();
    if (!isCurrent()) return;
    for (const { value } of messages) {
      const { by, times } = this.fates[value]!;
      const call = (this.calls.get(value) ?? 0) + 1;
      this.calls.set(value, call);
      if (this.isMended || call > times) continue;
      // All messages of a batch that is rejected as a whole.
      for (const message of by === 'nack' ? messages : messages.filter((one) => one.value === value)) {
        this.failed.add(message.value);
      }
      if (by === 'nack') return void context.nack(new Error('nack'));
      if (by === 'RetryAfter') throw new RetryAfter(1);
      if (by === 'RejectMessage' && messages.length === 1) throw new RejectMessage('no');
      throw new Error('thrown');
    }
    for (const { key, value } of messages) {
      const before = this.newest.get(key!) ?? -1;
      // A message that was given up on releases the next one of its key, and is delivered again if the
      // process ended before the commit.
      const isAgain = this.handled.has(value) || (this.serial > 1 && this.failed.has(value));
      if (!this.isMended && !isAgain && value <= before) this.violations.push(`${value} after ${before}`);
      this.newest.set(key!, Math.max(before, value));
      this.handled.add(value);
    }
    if (this.options.commit === 'manual') context.ack();
  }

  async publish(fates: readonly Fate[]): Promise<void> {
    const first = this.fates.length;
    this.fates.push(...fates);
    await this.running.service.publishBatch(
      't',
      fates.map((_, i) => this.message(first + i)),
    );
  }

  /** Publishes the same messages again, as after a lost response. */
  async repeat(): Promise<void> {
    await this.running.service.publishBatch(
      't',
      this.fates.map((_, value) => this.message(value)),
    );
  }

  private message(value: number) {
    return { id: `m${value}`, key: `k${value % 5}`, value };
  }

  async kill(): Promise<void> {
    this.serial++;
    const { adapter } = this.running;
    adapter.onWrite = () => {
      throw new StorageIoError('the process is gone');
    };
    await this.running.stop().catch(() => {});
  }

  async drained(): Promise<void> {
    const { service } = this.running;
    await expect.poll(async () => (await service.groups.describe('g')).lag, { interval: 2 }).toBe(0);
  }

  async deadLetters(): Promise<number[]> {
    const { service } = this.running;
    if (!service.hasTopic('t.dlq')) return [];
    const values: number[] = [];
    for await (const { value } of service.topic<number>('t.dlq').messages({ live: false }))
      values.push(value);
    return values;
  }
}

describe('any two options of a group together', () => {
  it('lose no message, keep the order of keys, and bury none that was handled', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 12 }), async (chosen, steps) => {
        const ledger = new Ledger(chosen);
        await ledger.begin();
        let kills = 0;
        const isCutOff = steps.some(({ type }) => type === 'stop' || type === 'kill');
        for (const one of steps) {
          if (one.type === 'publish') await ledger.publish(one.fates);
          else if (one.type === 'repeat') await ledger.repeat();
          else if (one.type === 'turn') await settled();
          // A third end might be the last interruption allowed for a message in its handler.
          else if (one.type === 'kill' && kills++ < 2) {
            await ledger.kill();
            await ledger.begin();
          } else {
            await ledger.running.stop();
            await ledger.begin();
          }
        }
        await ledger.drained();
        const buried = new Set(await ledger.deadLetters());
        expect(ledger.violations).toEqual([]);
        // If the process ends after the dead letter is stored and before the commit, the message is delivered
        // again and may succeed.
        const isExcused = (value: number) => isCutOff && ledger.failed.has(value);
        const isBoth = (value: number) => ledger.handled.has(value) && !isExcused(value);
        expect([...buried].filter(isBoth)).toEqual([]);
        const all = ledger.fates.map((_, value) => value);
        const known = new Set([...buried, ...ledger.handled]);
        expect([...known].sort((a, b) => a - b)).toEqual(all);
        // Once the cause is gone, dead letters are redriven and handled.
        ledger.isMended = true;
        const { service } = ledger.running;
        if (buried.size > 0) await service.deadLetters.redrive('t.dlq');
        await ledger.drained();
        expect([...ledger.handled].sort((a, b) => a - b)).toEqual(all);
        await ledger.running.stop();
      }),
      // Report a failure before the test times out, however long shrinking would take.
      { numRuns: 60, interruptAfterTimeLimit: 20_000 },
    );
  });
});
