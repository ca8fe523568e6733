import { expect, describe, it, beforeEach } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import { holdPage, holdWrite, publishOutOfOrder } from '../__fixtures__/service.js';
import { coded, Collector, deferred, settled } from '../__fixtures__/waiting.js';
import { META_TOPIC } from '../meta/meta-store.js';
import type { Message } from '../message.js';

const orders = useOrders();
beforeEach(() => orders.withPartitions(2));

/** A member whose handler holds the message `slow` until it is released. */
async function slowMember() {
  const release = deferred();
  const seen = new Collector<Message>();
  const member = await orders.consume({
    handler: (message) => {
      seen.push(message);
      return message.value === 'slow' ? release.promise : undefined;
    },
  });
  await orders.topic.publish({ value: 'before', partition: 1 });
  await orders.topic.publish({ value: 'slow', partition: 1 });
  await seen.atLeast(2);
  return { member, seen, release: release.resolve };
}

const owned = (member: { stats(): { partitions: readonly { partition: number }[] } }) =>
  member.stats().partitions.map(({ partition }) => partition);

describe('seek', () => {
  it('is refused on a partition that goes to another member, which has it alone', async () => {
    const { member, release } = await slowMember();
    const { seen: others, group: joining } = orders.collect();
    await settled();
    const sought = member.seek('orders', 1, 'earliest').then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    await settled();
    release();
    const other = await joining;
    expect(await sought).toBe('PARTITION_NOT_ASSIGNED');
    expect([owned(member), owned(other)]).toEqual([[0], [1]]);
    await orders.topic.publish({ value: 'behind', partition: 1 });
    expect(values(await others.atLeast(1))).toEqual(['behind']);
  });

  it('is refused on a topic that stops, which ends the work on it', async () => {
    const { member, release } = await slowMember();
    const stopping = orders.service.stopTopic('orders');
    await settled();
    const sought = expect(member.seek('orders', 1, 'earliest')).rejects.toThrowError(
      coded('PARTITION_NOT_ASSIGNED'),
    );
    await settled();
    release();
    await Promise.all([stopping, sought]);
    expect(owned(member)).toEqual([]);
  });

  it.each(['seek', 'begin'])('to a time keeps nobody waiting who stops: %s', async (what) => {
    await orders.running.stop();
    await orders.boot({ tailCacheBytes: 0 });
    await orders.withPartitions(1);
    const timestamp = await publishOutOfOrder(orders.running);
    const errors = orders.watch('consumer-error');
    const from = what === 'seek' ? 'latest' : { timestamp };
    const held = holdPage(orders.running);
    const member = await orders.consume({ from });
    const sought =
      what === 'seek' &&
      expect(member.seek('orders', 0, { timestamp })).rejects.toThrowError(coded('PARTITION_NOT_ASSIGNED'));
    await held.reached;
    const stopped = member.stop();
    await settled();
    held.release();
    await Promise.all([stopped, sought]);
    expect([held.pages, errors.items]).toEqual([1, []]);
  });

  it('that has begun is done before the partition goes to another member', async () => {
    const { member, seen, release } = await slowMember();
    const held = holdWrite(orders.running, META_TOPIC);
    const sought = member.seek('orders', 1, 'earliest');
    release();
    await held.reached;
    const { seen: others, group: joining } = orders.collect();
    await settled();
    held.release();
    await sought;
    const other = await joining;
    expect([owned(member), owned(other)]).toEqual([[0], [1]]);
    await settled();
    expect(values([...seen.items, ...others.items]).slice(2)).toEqual(['before', 'slow']);
  });
});
