import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Observable } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';
import {
  type ConsumerGroupOptions,
  defineTopic,
  type HandlerContext,
  type Message,
  type PublishMessage,
  type PublishResult,
  Subscribe,
  type Topic,
  type TopicOf,
  type TopicsService,
} from './index.js';

interface Order {
  id: number;
  note?: string;
}

class Payment {
  amount!: number;
}

/** Checked by the compiler only; nothing of it runs. */
function compiled(..._checks: readonly ((topic: Topic<Order>, service: TopicsService) => unknown)[]): void {
  // Nothing to do.
}

describe('the types of topics', () => {
  it('carry the type of the value from publisher to reader', () => {
    compiled(async (topic, service) => {
      expectTypeOf<Parameters<typeof topic.publish>>().toEqualTypeOf<[PublishMessage<Order>]>();
      expectTypeOf(await topic.publishBatch([{ value: { id: 1 } }])).toEqualTypeOf<PublishResult[]>();
      for await (const message of topic.messages()) expectTypeOf(message).toEqualTypeOf<Message<Order>>();
      expectTypeOf(topic.observe()).toEqualTypeOf<Observable<Message<Order>>>();
      const ids = topic.observe({ each: ({ value }) => Promise.resolve(value.id) });
      expectTypeOf(ids).toEqualTypeOf<Observable<number>>();
      expectTypeOf(service.topic<Order>('orders')).toEqualTypeOf<Topic<Order>>();
      expectTypeOf(await service.startTopic<Order>('orders')).toEqualTypeOf<Topic<Order>>();
      expectTypeOf(service.topic('orders')).toEqualTypeOf<Topic>();
    });
  });

  it('come from the schema of a topic, a class or a Standard Schema', () => {
    const payments = defineTopic({ name: 'payments', schema: Payment });
    expectTypeOf(payments).toExtend<{ name: string }>();
    expectTypeOf<TopicOf<typeof payments>>().toEqualTypeOf<Topic<Payment>>();
    const schema: StandardSchemaV1<unknown, Order> = {
      '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Order }) },
    };
    const orders = defineTopic({ name: 'orders', schema });
    expectTypeOf(orders).toExtend<{ name: string }>();
    expectTypeOf<TopicOf<typeof orders>>().toEqualTypeOf<Topic<Order>>();
    compiled(async (_topic, service) => {
      expectTypeOf(await service.startTopic('payments', { schema: Payment })).toEqualTypeOf<Topic<Payment>>();
    });
  });

  it('give handlers their message and context', () => {
    type Options = ConsumerGroupOptions<Order>;
    expectTypeOf<NonNullable<Options['handler']>>().parameters.toEqualTypeOf<
      [Message<Order>, HandlerContext]
    >();
    expectTypeOf<NonNullable<Options['batchHandler']>>().parameters.toEqualTypeOf<
      [Message<Order>[], HandlerContext]
    >();
  });

  it('refuse wrong calls', () => {
    compiled(
      // @ts-expect-error a value of another type
      (topic) => topic.publish({ value: { id: 'x' } }),
      // @ts-expect-error no value
      (topic) => topic.publish({ key: 'x' }),
      // @ts-expect-error a key that is a number
      (topic) => topic.publish({ key: 1, value: { id: 1 } }),
      // @ts-expect-error an option that is not there
      (_topic, service) => service.startTopic('orders', { partitons: 3 }),
      // @ts-expect-error no group
      (_topic, service) => service.startConsumerGroup({ topics: ['orders'], handler: () => {} }),
      (_topic, service) =>
        // @ts-expect-error a place that is not there
        service.startConsumerGroup({ group: 'g', topics: ['orders'], from: 'newest', handler: () => {} }),
      // @ts-expect-error an event that is not there
      (_topic, service) => service.events.on('topic-crated', () => {}),
      // @ts-expect-error an order that is not there
      () => Subscribe('orders', { group: 'g', order: 'none' }),
      () => {
        class Handlers {
          // @ts-expect-error only methods handle messages
          @Subscribe('orders', { group: 'g' })
          readonly field = 1;
        }
        return Handlers;
      },
    );
  });
});
