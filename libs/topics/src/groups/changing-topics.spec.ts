import { describe, expect, it } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import { Collector } from '../__fixtures__/waiting.js';

const orders = useOrders();
const numbered = (count: number, name: string) => Array.from({ length: count }, (_, i) => `${name}-${i}`);

describe('a topic that changes while a group consumes it', () => {
  it('may be deleted and made anew under its name: the group begins at its beginning, and misses nothing of it', async () => {
    await orders.withPartitions(3);
    const { seen, group } = orders.collect();
    await group;
    const errors = orders.watch('consumer-error');
    for (let round = 0; round < 10; round++) {
      const publishing = numbered(30, `round ${round}`).map((value, i) =>
        orders.topic.publish({ value, partition: i % 3 }),
      );
      // Publishes overtaken by the deletion fail.
      const published = Promise.allSettled(publishing);
      if (round % 2 === 0) await seen.atLeast(seen.items.length + 1);
      await orders.service.deleteTopic('orders');
      await published;
      orders.topic = await orders.service.startTopic('orders', { partitions: 3 });
    }
    await orders.topic.publishBatch(numbered(60, 'last').map((value, i) => ({ value, partition: i % 3 })));
    const isLast = (value: unknown) => String(value).startsWith('last');
    while (values(seen.items).filter(isLast).length < 60) await seen.atLeast(seen.items.length + 1);
    expect(new Set(values(seen.items).filter(isLast)).size).toBe(60);
    await (await group).stop();
    expect([0, 1, 2].map((partition) => orders.committed(partition))).toEqual([20, 20, 20]);
    expect(errors.items).toEqual([]);
  });

  it('may get partitions while members come and go: every message is handled', async () => {
    const published: string[] = [];
    const handled = new Collector<unknown>();
    const handler = ({ value }: { value: unknown }) => handled.push(value);
    await orders.consume({ handler });
    for (let partitions = 2; partitions <= 6; partitions++) {
      const joining = orders.consume({ handler });
      const growing = orders.service.addPartitions('orders', partitions);
      const batch = numbered(40, `with ${partitions}`);
      published.push(...batch, `only ${partitions}`);
      await orders.publish(...batch.map((value): [null, string] => [null, value]));
      await growing;
      await orders.topic.publish({ value: `only ${partitions}`, partition: partitions - 1 });
      const member = await joining;
      await member.stop();
    }
    await handled.atLeast(published.length);
    expect([...handled.items].sort()).toEqual(published.sort());
  });
});
