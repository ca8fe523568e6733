import { NoSpaceError } from '@genrocks/storage';
import { describe, expect, it } from 'vitest';
import { useOrders } from '../__fixtures__/orders.js';
import { Collector, coded, deferred, settled } from '../__fixtures__/waiting.js';
import type { Message } from '../message.js';
import type { HandlerContext } from './group.types.js';

const orders = useOrders({ manualClock: true });

describe('handlers at once', () => {
  it('are as many as the concurrency, and one per key', async () => {
    let now = 0;
    let most = 0;
    const keys = new Set<string>();
    const seen = new Collector<Message>();
    await orders.consume({
      concurrency: 3,
      handler: async (message) => {
        expect(keys.has(message.key!)).toBe(false);
        keys.add(message.key!);
        most = Math.max(most, ++now);
        await settled();
        now--;
        keys.delete(message.key!);
        seen.push(message);
      },
    });
    await orders.publish(...Array.from({ length: 40 }, (_, i) => [`k${i % 5}`, i] as [string, number]));
    const all = await seen.atLeast(40);
    expect(most).toBe(3);
    for (let key = 0; key < 5; key++) {
      const values = all.filter((message) => message.key === `k${key}`).map(({ value }) => value as number);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }
    await settled();
    expect(orders.committed()).toBe(40);
  });
});

describe('acknowledging', () => {
  it('by hand commits what was acknowledged, and nothing that lies behind something that was not', async () => {
    const contexts = new Collector<HandlerContext>();
    const group = await orders.consume({
      commit: 'manual',
      handler: (_message, context) => contexts.push(context),
    });
    await orders.publish(['a', 1], ['b', 2], ['c', 3]);
    const [first, second, third] = await contexts.atLeast(3);
    second!.ack();
    third!.ack();
    await settled();
    expect(orders.committed()).toBe(0);
    first!.ack();
    first!.ack();
    await settled();
    expect(orders.committed()).toBe(3);
    expect(group.stats().handled).toBe(3);
  });

  it('bounds what is not acknowledged, and goes on when it is', async () => {
    const contexts = new Collector<HandlerContext>();
    await orders.consume({
      commit: 'manual',
      maxInFlight: 2,
      handler: (_message, context) => contexts.push(context),
    });
    await orders.publish(['a', 1], ['b', 2], ['c', 3]);
    await contexts.atLeast(2);
    await settled();
    expect(contexts.items).toHaveLength(2);
    contexts.items[0]!.ack();
    await contexts.atLeast(3);
  });

  it('ends the matter, though the handler fails afterwards; giving back is a failure, early or late', async () => {
    const errors = orders.watch('handler-error');
    const seen = new Collector<HandlerContext>();
    await orders.consume({
      commit: 'manual',
      retry: { initialMs: 5, jitter: 0 },
      handler: ({ value }, context) => {
        seen.push(context);
        if (value === 'acked') context.ack();
        if (value === 'early' && context.attempt === 1) context.nack(new Error('later'));
        if (value === 'acked') throw new Error('too late to matter');
      },
    });
    await orders.publish(['a', 'acked'], ['b', 'early'], ['c', 'late']);
    const [, , late] = await seen.atLeast(3);
    late!.nack();
    late!.nack();
    expect(errors.items.map(({ offset }) => offset)).toEqual([1, 2]);
    await orders.clock.advance(5);
    const again = (await seen.atLeast(5)).slice(3);
    expect(again.map(({ attempt }) => attempt)).toEqual([2, 2]);
    late!.ack();
    await settled();
    expect(orders.committed()).toBe(1);
    again.forEach((context) => context.ack());
    await settled();
    expect(orders.committed()).toBe(3);
  });

  it('can be committed before its time, and says where that fails', async () => {
    const done = deferred<number | null>();
    const failed = deferred<unknown>();
    const group = await orders.consume({
      autoCommitIntervalMs: 3_600_000,
      handler: async ({ value }, context) => {
        if (value === 2) {
          await context.commit();
          done.resolve(orders.committed());
        }
      },
    });
    await orders.publish(['a', 1], ['b', 2]);
    expect(await done.promise).toBe(1);
    orders.running.adapter.onWrite = () => {
      throw new NoSpaceError('it');
    };
    await settled();
    await group.commit().catch(failed.resolve);
    expect(await failed.promise).toMatchObject({ code: 'NO_SPACE' });
    orders.running.adapter.onWrite = () => {};
  });
});

describe('a batch', () => {
  it('is done but for what its handler gives back by name', async () => {
    const batches = new Collector<unknown[]>();
    const group = await orders.consume({
      batchSize: 4,
      retry: { initialMs: 5, jitter: 0 },
      batchHandler: (messages, { nack, attempt }) => {
        batches.push(messages.map(({ value }) => value));
        if (attempt === 1) for (const m of messages) if ((m.value as number) % 2 === 1) nack('odd', m);
      },
    });
    await orders.publish(['a', 0], ['b', 1], ['a', 2], ['b', 3], ['b', 4], ['a', 5]);
    await orders.clock.untilSleeping(2);
    await orders.clock.advance(5);
    await batches.atLeast(4);
    await settled();
    expect(batches.items).toEqual([[0, 1, 2, 3], [5], [1, 3], [4], [5]]);
    expect(orders.committed()).toBe(6);
    expect(group.stats().handled).toBe(6);
  });

  it('without tries left is handled one by one, and only the bad ones are given up', async () => {
    const buried = orders.watch('dead-letter');
    await orders.consume({
      batchSize: 4,
      retry: { attempts: 2, initialMs: 5, jitter: 0 },
      batchHandler: (messages) => {
        if (messages.some(({ value }) => value === 'bad')) throw new Error('one of them');
      },
    });
    await orders.publish(['a', 0], ['b', 'bad'], ['c', 2], ['d', 3]);
    await orders.clock.untilSleeping();
    await orders.clock.advance(5);
    await buried.atLeast(1);
    await settled();
    expect((await orders.deadLetters()).map(({ value }) => value)).toEqual(['bad']);
    expect(orders.committed()).toBe(4);
  });
});

describe('a member', () => {
  it.each([
    [{ offset: 2 }, [2, 3]],
    [{ timestamp: 15 }, [2, 3]],
    [{ offset: -5 }, [0, 1, 2, 3]],
  ])('begins at %j', async (from, expected) => {
    await orders.topic.publishBatch([0, 1, 2, 3].map((value) => ({ value, timestamp: value * 10 })));
    const seen = new Collector<unknown>();
    await orders.consume({ from, handler: ({ value }) => seen.push(value) });
    expect(await seen.atLeast(expected.length)).toEqual(expected);
  });

  it('goes on elsewhere, and pauses, as it is told', async () => {
    const seen = new Collector<unknown>();
    const group = await orders.consume({ handler: ({ value }) => seen.push(value) });
    await orders.publish(['a', 0], ['a', 1], ['a', 2]);
    await seen.atLeast(3);
    group.pause('orders');
    await group.seek('orders', 0, { offset: 1 });
    await orders.publish(['a', 3]);
    await settled();
    expect([seen.items.length, orders.committed()]).toEqual([3, 1]);
    expect(group.stats().partitions[0]!.paused).toBe(true);
    group.resume('orders');
    expect((await seen.atLeast(6)).slice(3)).toEqual([1, 2, 3]);
    await expect(group.seek('orders', 7, 'latest')).rejects.toThrowError(coded('PARTITION_NOT_ASSIGNED'));
  });

  it.each([
    { retry: { attempts: 0 } },
    { retry: { attempt: 3 } },
    { retry: { initialMs: 5 }, retryBackoff: { initialMs: 5 } },
    { concurrency: 0 },
    { concurrency: 2, order: 'partition' },
    { deadLetter: 'orders' },
    { from: { offset: 1, timestamp: 1 } },
    { commit: 'never' },
  ])('refuses %j', async (options) => {
    await expect(orders.consume(options as never)).rejects.toThrowError(coded('INVALID_GROUP'));
  });
});
