import { afterEach, beforeEach } from 'vitest';
import type { TopicsEventMap } from '../events.js';
import type { ConsumerGroup } from '../groups/consumer-group.js';
import type { ConsumerGroupOptions } from '../groups/group.types.js';
import type { Message } from '../message.js';
import type { TopicsOptions } from '../options.js';
import { ManualClock } from '../testing/manual-clock.js';
import type { Topic } from '../topic.js';
import type { TopicsService } from '../topics.service.js';
import type { MapDisk } from './map-adapter.js';
import { type Running, startService } from './service.js';
import { Collector } from './waiting.js';

/** A service with the topic `orders` and its group `g`, created for every test and stopped afterwards. */
export class Orders {
  running!: Running;
  service!: TopicsService;
  topic!: Topic;
  clock = new ManualClock();
  private disk: MapDisk = new Map();

  /** @param hasManualClock time between tries passes only when `clock` is advanced */
  constructor(private readonly hasManualClock: boolean) {}

  async begin(): Promise<void> {
    this.disk = new Map();
    this.clock = new ManualClock();
    await this.boot();
  }

  /** Starts on the stored data, again if need be. */
  async boot(options: TopicsOptions = {}): Promise<void> {
    const clock = this.hasManualClock ? { clock: this.clock } : {};
    this.running = await startService({ ...clock, ...options }, this.disk);
    this.service = this.running.service;
    this.topic = await this.service.startTopic('orders');
  }

  /** Creates the topic again, with more partitions. */
  async withPartitions(partitions: number): Promise<void> {
    await this.service.deleteTopic('orders');
    this.topic = await this.service.startTopic('orders', { partitions });
  }

  consume(options: Partial<ConsumerGroupOptions> = {}): Promise<ConsumerGroup> {
    const batched = options.batchHandler !== undefined;
    return this.service.startConsumerGroup({
      group: 'g',
      topics: ['orders'],
      autoCommitIntervalMs: 0,
      ...(batched ? {} : { handler: () => {} }),
      ...options,
    });
  }

  /** A member that collects its messages; failed tries are retried almost at once. */
  collect(options: Partial<ConsumerGroupOptions> = {}) {
    const seen = new Collector<Message>();
    const group = this.consume({
      handler: (message) => seen.push(message),
      retryBackoff: { initialMs: 1, maxMs: 2 },
      ...options,
    });
    return { seen, group };
  }

  publish(...messages: [string | null, unknown][]) {
    return this.topic.publishBatch(messages.map(([key, value]) => ({ key, value })));
  }

  committed(partition = 0): number | null {
    return this.service.groups.committed('g', 'orders', partition)?.offset ?? null;
  }

  nextEvent<K extends keyof TopicsEventMap>(name: K): Promise<TopicsEventMap[K][0]> {
    return new Promise((resolve) => (this.service.events as NodeJS.EventEmitter).once(name, resolve));
  }

  watch<K extends keyof TopicsEventMap>(name: K): Collector<TopicsEventMap[K][0]> {
    const seen = new Collector<TopicsEventMap[K][0]>();
    (this.service.events as NodeJS.EventEmitter).on(name, (event: TopicsEventMap[K][0]) => seen.push(event));
    return seen;
  }

  async deadLetters(name = 'orders.dlq'): Promise<Message[]> {
    return (await this.service.topic(name).partition(0).readMessages({ offset: 0 })).messages;
  }
}

/** Sets up the service for the tests of a file. */
export function useOrders({ manualClock = false } = {}): Orders {
  const orders = new Orders(manualClock);
  beforeEach(() => orders.begin());
  afterEach(() => orders.running.stop());
  return orders;
}

export const values = (messages: readonly Message[]) => messages.map(({ value }) => value);
