import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { hanging, LIMIT_MS } from '../__fixtures__/hanging.js';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import { TopicsTester } from '../testing/topics-tester.js';
import { TopicsTestingModule } from '../testing/topics-testing.module.js';
import type { HandlerContext } from './group.types.js';
import { HANDLER_GRACE_MS } from './handler-watch.js';

const orders = useOrders({ manualClock: true });

/** Throws as soon as its signal aborts. */
const untilAborted = ({ signal }: HandlerContext) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

describe('a handler that takes too long', () => {
  it('and heeds its signal has failed like any other: it is tried again, and given up in the end', async () => {
    const timeouts = orders.watch('handler-timeout');
    const failures = orders.watch('handler-error');
    const buried = orders.watch('dead-letter');
    const attempts: number[] = [];
    const group = await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      retry: { attempts: 2, initialMs: 1, jitter: 0 },
      handler: ({ value }, context) => {
        if (value !== 'slow') return undefined;
        attempts.push(context.attempt);
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 'slow'], ['a', 'next']);
    await settled();
    await orders.clock.advance(LIMIT_MS - 1);
    expect(timeouts.items).toEqual([]);
    await orders.clock.advance(1);
    const { memberId } = group;
    const place = { group: 'g', topic: 'orders', partition: 0, offset: 0 };
    expect(timeouts.items).toEqual([{ ...place, memberId, attempt: 1, timeoutMs: LIMIT_MS }]);
    expect(failures.items).toMatchObject([{ ...place, retryInMs: 1, error: { code: 'HANDLER_TIMEOUT' } }]);
    await orders.clock.advance(1 + LIMIT_MS);
    await buried.atLeast(1);
    await settled();
    expect(attempts).toEqual([1, 2]);
    expect(orders.committed()).toBe(2);
    expect(group.memberId).toBe(memberId);
  });

  it('and ends in time, signal or not, is done', async () => {
    const expelled = orders.watch('member-expelled');
    const { release, calls, handler } = hanging();
    await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler });
    await orders.publish(['a', 1]);
    const [context] = await calls.atLeast(1);
    await orders.clock.advance(LIMIT_MS + HANDLER_GRACE_MS - 1);
    expect(context!.signal.aborted).toBe(true);
    release();
    await settled();
    await orders.clock.advance(10 * LIMIT_MS);
    expect(orders.committed()).toBe(1);
    expect(expelled.items).toEqual([]);
  });

  it('has the same time when the clock of the machine is set meanwhile', async () => {
    const timeouts = orders.watch('handler-timeout');
    const { release, calls, handler } = hanging();
    await orders.consume({ handlerTimeoutMs: LIMIT_MS, handler });
    await orders.publish(['a', 1]);
    await calls.atLeast(1);
    orders.clock.set(orders.clock.now() + 100 * LIMIT_MS);
    await orders.clock.advance(LIMIT_MS - 1);
    expect(timeouts.items).toEqual([]);
    orders.clock.set(0);
    await orders.clock.advance(1);
    expect(timeouts.items).toHaveLength(1);
    release();
    await settled();
    expect(orders.committed()).toBe(1);
  });

  it('has a signal of its own: other calls go on', async () => {
    const signals = new Collector<AbortSignal>();
    await orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      concurrency: 2,
      retry: false,
      handler: (_message, context) => {
        signals.push(context.signal);
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 1]);
    await signals.atLeast(1);
    await orders.clock.advance(LIMIT_MS / 2);
    await orders.publish(['b', 2]);
    const [first, second] = await signals.atLeast(2);
    await orders.clock.advance(LIMIT_MS / 2);
    expect([first!.aborted, second!.aborted]).toEqual([true, false]);
    await orders.clock.advance(LIMIT_MS / 2);
    expect(second!.aborted).toBe(true);
  });

  it('of a batch that is handled one by one is told so too', async () => {
    const sizes = new Collector<number>();
    const timeouts = orders.watch('handler-timeout');
    const group = orders.consume({
      handlerTimeoutMs: LIMIT_MS,
      retry: { attempts: 1 },
      batchHandler: (messages, context) => {
        sizes.push(messages.length);
        if (messages.length > 1) throw new Error('all of them');
        return untilAborted(context);
      },
    });
    await orders.publish(['a', 1], ['b', 2]);
    await group;
    await sizes.atLeast(2);
    await orders.clock.advance(LIMIT_MS);
    await sizes.atLeast(3);
    await orders.clock.advance(LIMIT_MS);
    expect(timeouts.items.map(({ offset }) => offset)).toEqual([0, 1]);
  });
});

it.each([-1, 0.5, 86_400_001])('a limit of %d ms is refused', async (handlerTimeoutMs) => {
  await expect(orders.consume({ handlerTimeoutMs })).rejects.toThrowError(coded('INVALID_GROUP'));
});

it('drain of the test kit does not run into the limit while a handler waits for something real', async () => {
  const app = await Test.createTestingModule({
    imports: [TopicsTestingModule.forRoot({ handlerTimeoutMs: LIMIT_MS, topics: [{ name: 'orders' }] })],
  }).compile();
  await app.init();
  const tester = TopicsTester.of(app);
  const timeouts: unknown[] = [];
  tester.topics.events.on('handler-timeout', (event) => timeouts.push(event));
  const slow = deferred();
  await tester.topics.startConsumerGroup({ group: 'g', topics: ['orders'], handler: () => slow.promise });
  await tester.topics.publish('orders', { value: 1 });
  const drained = tester.drain();
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
  slow.resolve();
  await drained;
  await app.close();
  expect(timeouts).toEqual([]);
});
