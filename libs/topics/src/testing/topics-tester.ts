import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { isGenRocksError } from '@genrocks/storage';
import { TopicsError } from '../errors.js';
import type { TopicsEventMap } from '../events.js';
import { MODULE_OPTIONS_TOKEN } from '../module/topics.module-definition.js';
import type { TopicsOptions } from '../options.js';
import type { Partition } from '../partition/partition.js';
import { TopicsService } from '../topics.service.js';
import { ManualClock } from './manual-clock.js';
import { MessageSpy, type SpyOptions } from './message-spy.js';

const TIMEOUT_MS = 5_000;

/**
 * Test helpers for an application's topics: spies, and draining. Spies end with the application.
 *
 * @example
 * const tester = TopicsTester.of(app);
 * const invoices = await tester.spyTopic<Invoice>('invoices');
 * await tester.topics.publish('orders', { value: order });
 * await invoices.waitFor(({ value }) => value.orderId === order.id);
 *
 * @publicApi
 */
export class TopicsTester {
  constructor(
    readonly topics: TopicsService,
    /** The application's clock; undefined if it runs on real time. */
    readonly clock: ManualClock | undefined,
  ) {}

  /** The tester of an application that imports `TopicsModule` or `TopicsTestingModule`. */
  static of(app: Pick<INestApplicationContext, 'get'>): TopicsTester {
    const { clock } = app.get<TopicsOptions>(MODULE_OPTIONS_TOKEN, { strict: false });
    const topics = app.get(TopicsService, { strict: false });
    return new TopicsTester(topics, clock instanceof ManualClock ? clock : undefined);
  }

  /** Collects all messages of a topic, including existing ones. Creates the topic if `autoCreateTopics` allows it. */
  async spyTopic<T = unknown>(name: string, options: SpyOptions = {}): Promise<MessageSpy<T>> {
    const topic = await this.topics.resolveTopic<T>(name);
    const spy = new MessageSpy<T>(`spy on topic ${name}`, options.timeoutMs ?? TIMEOUT_MS);
    for (const partition of topic.partitions) void follow(partition, spy);
    return spy;
  }

  /** Collects the messages that a group finishes from now on. */
  spyGroup<T = unknown>(group: string, options: SpyOptions = {}): MessageSpy<T> {
    const spy = new MessageSpy<T>(`spy on group ${group}`, options.timeoutMs ?? TIMEOUT_MS);
    (this.topics.events as NodeJS.EventEmitter).on('handled', (event: TopicsEventMap['handled'][0]) => {
      if (event.group === group) spy.saw(event.message as never);
    });
    return spy;
  }

  /**
   * Resolves when all messages are handled and committed, including those that handlers publish. With a
   * {@link ManualClock}, time moves from pause to pause meanwhile.
   * @throws `DRAIN_TIMEOUT` with the groups that still lag, after `timeoutMs` (5,000)
   */
  async drain({ timeoutMs = TIMEOUT_MS }: SpyOptions = {}): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const groups = this.topics.consumerGroups.filter(({ state }) => state === 'running');
      await Promise.all(groups.map((group) => group.commit()));
      const lagging = groups.filter((group) => group.stats().lag > 0);
      if (lagging.length === 0) return;
      if (performance.now() >= until) {
        const who = lagging.map((group) => `${group.group} (${group.stats().lag})`).join(', ');
        throw new TopicsError(
          'DRAIN_TIMEOUT',
          `not drained within ${timeoutMs} ms, groups that lag: ${who}`,
          true,
        );
      }
      await this.clock?.advanceToNext();
      await sleep(1);
    }
  }
}

async function follow<T>(partition: Partition, spy: MessageSpy<T>): Promise<void> {
  let offset = partition.startOffset;
  while (await partition.waitForData(offset)) {
    try {
      const { messages, nextOffset } = await partition.readMessages<T>({ offset });
      for (const message of messages) spy.saw(message);
      offset = nextOffset;
    } catch (error) {
      if (!isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) return;
      offset = Math.max(offset, partition.startOffset);
    }
  }
}
