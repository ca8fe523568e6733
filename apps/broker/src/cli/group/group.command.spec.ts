import { TopicsService } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench } from '../__fixtures__/cli.js';

describe('genrocks group', () => {
  let bench: CliBench;
  let topics: TopicsService;
  beforeAll(async () => {
    bench = await CliBench.start();
    topics = bench.app.get(TopicsService);
    const messages = Array.from({ length: 10 }, (_, i) => ({ value: i, timestamp: 1_000 * (i + 1) }));
    await topics.startTopic('orders', { partitions: 1 });
    await topics.publishBatch('orders', messages);
  });
  afterAll(() => bench.close());

  it('commits, shows, measures, moves and forgets offsets', async () => {
    expect((await bench.run(['group', 'commit', 'billing', 'orders/0=8'])).code).toBe(0);
    expect((await bench.run(['group', 'list'])).out).toMatch(/billing +empty +0 +orders/);
    const described = await bench.run(['group', 'describe', 'billing']);
    expect(described.out).toMatch(
      /^group billing: empty, 0 member\(s\), lag 2\n[^]*orders +0 +8 +10 +2 +-\n$/,
    );
    expect(await bench.run(['group', 'lag', 'billing', '--max', '2'])).toEqual({
      code: 0,
      out: '2\n',
      err: '',
    });
    expect((await bench.run(['group', 'lag', 'billing', '--max', '1'])).code).toBe(4);

    const dry = await bench.run(['group', 'reset', 'billing', '--to', 'earliest', '--dry-run']);
    expect(dry.out).toMatch(/^nothing was changed[^]*orders +0 +0\n$/);
    expect((await bench.run(['group', 'lag', 'billing', '--json'])).out).toBe(
      '{"group":"billing","lag":2}\n',
    );
    await bench.run(['group', 'reset', 'billing', '--to', '1970-01-01T00:00:05Z', '--topic', 'orders']);
    expect((await bench.run(['group', 'lag', 'billing'])).out).toBe('6\n');

    expect((await bench.run(['group', 'delete', 'billing'])).code).toBe(1);
    expect((await bench.run(['group', 'delete', 'billing', '--yes'])).code).toBe(0);
    expect((await bench.run(['group', 'describe', 'billing'])).err).toContain('GROUP_NOT_FOUND');
  });

  it('refuses what is no offset, and what is beyond the end', async () => {
    expect((await bench.run(['group', 'commit', 'billing', 'orders:0:8'])).err).toContain(
      'topic/partition=offset',
    );
    expect((await bench.run(['group', 'commit', 'billing', 'orders/0=99'])).err).toContain(
      'OFFSET_OUT_OF_RANGE',
    );
    expect((await bench.run(['group', 'reset', 'billing'])).err).toMatch(/required option '--to/);
  });

  it.each(['', '.', '..'])('refuses %j as the name of a group or a topic', async (name) => {
    const group = await bench.run(['group', 'describe', name]);
    expect(group).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not a valid group name') as string,
    });
    const topic = await bench.run(['topic', 'delete', name, '--yes']);
    expect(topic).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not a valid topic name') as string,
    });
  });

  it('shows dead letters and puts them back', async () => {
    const group = await topics.startConsumerGroup({
      group: 'fussy',
      topics: ['orders'],
      retry: false,
      handler: ({ offset }) => {
        if (offset % 2 === 1) throw new Error(`not ${offset}`);
      },
    });
    await expect
      .poll(() => topics.hasTopic('orders.dlq') && topics.topic('orders.dlq').partition(0).endOffset)
      .toBe(5);
    await group.stop();
    const list = await bench.run(['group', 'dead-letters', 'fussy', 'orders.dlq', '--limit', '2']);
    expect(list.out).toMatch(/orders\/0@1 +fussy +1 +no +- +Error +not 1\n[^]*orders\/0@3/);
    expect(list.out.trim().split('\n')).toHaveLength(3);
    const dry = await bench.run(['group', 'redrive', 'fussy', 'orders.dlq', '--dry-run']);
    expect(dry.out).toBe('5 message(s) would be put back, 0 cannot be\n');
    const some = await bench.run(['group', 'redrive', 'fussy', 'orders.dlq', '--limit', '2', '--json']);
    expect(JSON.parse(some.out)).toEqual({ dry_run: false, redriven: 2, skipped: 0, problems: [] });
    const rest = await bench.run([
      'group',
      'redrive',
      'fussy',
      'orders.dlq',
      '--since',
      '2020-01-01T00:00:00Z',
    ]);
    expect(rest.out).toBe('3 message(s) put back, 0 cannot be\n');
    expect(topics.topic('orders').partition(0).endOffset).toBe(15);
    const letters = await bench.run(['group', 'dead-letters', 'fussy', 'orders.dlq', '--json', '--key', 'x']);
    expect(letters.out).toBe('');
  });
});
