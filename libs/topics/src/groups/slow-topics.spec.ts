import { expect, it } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, deferred } from '../__fixtures__/waiting.js';

const orders = useOrders();

it.each(['one by one', 'several at once', 'in batches'])(
  'a topic whose handler hangs does not slow another of the same member, whatever it may hold (%s)',
  async (how) => {
    const fast = await orders.service.startTopic('fast');
    const release = deferred();
    const hanging = deferred();
    const seen = new Collector<number>();
    const handle = async (topic: string, values: readonly unknown[]) => {
      if (topic === 'fast') for (const value of values) seen.push(value as number);
      else {
        hanging.resolve();
        await release.promise;
      }
    };
    const handlers =
      how === 'in batches'
        ? {
            batchHandler: (messages: readonly { topic: string; value: unknown }[]) =>
              handle(
                messages[0]!.topic,
                messages.map(({ value }) => value),
              ),
            batchSize: 4,
          }
        : { handler: (message: { topic: string; value: unknown }) => handle(message.topic, [message.value]) };
    const group = await orders.consume({
      topics: ['orders', 'fast'],
      maxInFlight: 10,
      ...(how === 'several at once' ? { concurrency: 20 } : {}),
      ...handlers,
    });
    // Far more messages than the member may hold, from a topic whose handler finishes none.
    await orders.publish(...Array.from({ length: 100 }, (_, i): [string, number] => [`${i}`, i]));
    await hanging.promise;
    const sent = Array.from({ length: 50 }, (_, i) => i);
    await fast.publishBatch(sent.map((value) => ({ value })));
    expect(await seen.atLeast(50)).toEqual(sent);
    release.resolve();
    await group.stop();
  },
);
