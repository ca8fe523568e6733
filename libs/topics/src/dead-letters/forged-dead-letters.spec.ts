import { beforeEach, describe, expect, it } from 'vitest';
import { useOrders, values } from '../__fixtures__/orders.js';
import type { Message } from '../message.js';

const orders = useOrders();

type Headers = Record<string, string>;
const GENUINE: Headers = {
  'genrocks-dlq-kind': 'message',
  'genrocks-dlq-topic': 'orders',
  'genrocks-dlq-partition': '0',
  'genrocks-dlq-offset': '0',
  'genrocks-dlq-group': 'g',
  'genrocks-dlq-attempts': '3',
  'genrocks-dlq-last-failed-at': '2026-01-01T00:00:00.000Z',
};

beforeEach(async () => {
  await orders.withPartitions(2);
  await orders.service.startTopic('orders.dlq');
});

const letters = () => orders.service.deadLetters;
const put = (value: string, headers: Headers, key: string | null = null) =>
  orders.service.publish('orders.dlq', { key, value, headers });
const forged = (headers: Headers) => put('forged', { ...GENUINE, ...headers });

function without(name: string): Headers {
  return Object.fromEntries(Object.entries(GENUINE).filter(([one]) => one !== name));
}

async function arrived(): Promise<Message[]> {
  const pages = await Promise.all(
    orders.service.topic('orders').partitions.map((partition) => partition.readMessages({ offset: 0 })),
  );
  return pages.flatMap(({ messages }) => messages);
}

describe('a dead letter that nothing of GenRocks wrote', () => {
  it.each([
    ['partition -1', { 'genrocks-dlq-partition': '-1' }, 'INVALID_DEAD_LETTER'],
    ['partition NaN', { 'genrocks-dlq-partition': 'NaN' }, 'INVALID_DEAD_LETTER'],
    ['partition 0.5', { 'genrocks-dlq-partition': '0.5' }, 'INVALID_DEAD_LETTER'],
    ['partition 1e3', { 'genrocks-dlq-partition': '1e3' }, 'INVALID_DEAD_LETTER'],
    ['an empty partition', { 'genrocks-dlq-partition': '' }, 'INVALID_DEAD_LETTER'],
    ['a topic that does not exist', { 'genrocks-dlq-topic': 'nowhere' }, 'TOPIC_NOT_FOUND'],
    ['a topic that is a path', { 'genrocks-dlq-topic': '../..' }, 'TOPIC_NOT_FOUND'],
    ['no topic', { 'genrocks-dlq-topic': '' }, 'TOPIC_NOT_FOUND'],
    ['a topic of the service itself', { 'genrocks-dlq-topic': '__genrocks' }, 'TOPIC_NOT_FOUND'],
    ['the topic it lies in', { 'genrocks-dlq-topic': 'orders.dlq' }, 'INVALID_DEAD_LETTER'],
  ])('and that names %s stays, is told of, and holds up no other', async (_what, headers, code) => {
    await put('before', GENUINE);
    await forged(headers);
    await put('behind', GENUINE);
    const expected = {
      redriven: 2,
      skipped: 1,
      problems: [expect.objectContaining({ partition: 0, offset: 1, code })],
    };
    expect(await letters().redrive('orders.dlq', { dryRun: true })).toEqual(expected);
    expect(await letters().redrive('orders.dlq')).toEqual(expected);
    expect(values(await arrived())).toEqual(['before', 'behind']);
    expect(await letters().redrive('orders.dlq')).toEqual({ ...expected, redriven: 0 });
    const listed = await letters().list('orders.dlq');
    expect(listed.map(({ redriven }) => redriven)).toEqual([true, false, true]);
    expect(() => JSON.stringify(listed)).not.toThrow();
    expect(values(await orders.deadLetters())).toEqual(['before', 'forged', 'behind']);
  });

  it('and lacks the header of its partition can still be put where one says', async () => {
    await put('lost', without('genrocks-dlq-partition'));
    expect(await letters().redrive('orders.dlq')).toMatchObject({ redriven: 0, skipped: 1 });
    expect(await letters().redrive('orders.dlq', { to: 'orders' })).toMatchObject({
      redriven: 1,
      skipped: 0,
    });
    expect(values(await arrived())).toEqual(['lost']);
  });

  it('and lacks the header of its topic is passed over', async () => {
    await put('note', without('genrocks-dlq-topic'));
    expect(await letters().list('orders.dlq')).toEqual([]);
    expect(await letters().redrive('orders.dlq')).toEqual({ redriven: 0, skipped: 0, problems: [] });
  });

  it('and names a partition that is gone goes where the topic routes it', async () => {
    await forged({ 'genrocks-dlq-partition': '999' });
    expect(await letters().redrive('orders.dlq')).toMatchObject({ redriven: 1, skipped: 0 });
    expect(values(await arrived())).toEqual(['forged']);
  });

  it('and counts its returns in words begins to count', async () => {
    for (const redrives of ['many', '-1', '1e400']) await forged({ 'genrocks-redrives': redrives });
    await letters().redrive('orders.dlq');
    expect((await arrived()).map(({ headers }) => headers['genrocks-redrives'])).toEqual(['1', '1', '1']);
  });

  it('is told of a hundred times, and counted on', async () => {
    const message = { value: 'x', headers: { ...GENUINE, 'genrocks-dlq-topic': 'nowhere' } };
    await orders.service.publishBatch('orders.dlq', Array<typeof message>(250).fill(message));
    await put('behind', GENUINE);
    const { redriven, skipped, problems } = await letters().redrive('orders.dlq');
    expect([redriven, skipped, problems.length]).toEqual([1, 250, 100]);
  });
});

describe('dead letters', () => {
  it('of a topic that was stopped wait until it runs, and hold up no other', async () => {
    await orders.service.startTopic('invoices');
    await put('invoice', { ...GENUINE, 'genrocks-dlq-topic': 'invoices' });
    await put('order', GENUINE);
    await orders.service.stopTopic('invoices');
    const { redriven, problems } = await letters().redrive('orders.dlq');
    expect([redriven, problems.map(({ code }) => code)]).toEqual([1, ['TOPIC_STOPPED']]);
    await orders.service.startTopic('invoices');
    expect(await letters().redrive('orders.dlq')).toMatchObject({ redriven: 1, skipped: 0 });
  });

  it('behind bytes that cannot be read are put back too', async () => {
    for (const value of ['before', 'damaged', 'behind']) await put(value, GENUINE);
    const data = orders.running.adapter.disk.get('orders.dlq:0')!;
    const [key, value] = data.page('', undefined, false, 3)[1]!;
    await orders.running.stop();
    data.set(key, Buffer.from(value).fill(0xee, 30));
    await orders.boot();
    expect((await letters().list('orders.dlq')).map(({ message }) => message.value)).toEqual([
      'before',
      'behind',
    ]);
    expect(await letters().redrive('orders.dlq')).toEqual({
      redriven: 2,
      skipped: 1,
      problems: [expect.objectContaining({ offset: 1, topic: null, code: 'CORRUPT_BATCH' })],
    });
    expect(values(await arrived())).toEqual(['before', 'behind']);
  });

  it('of a group that reads dead letters are dead letters again when they are put back', async () => {
    const buried = orders.watch('dead-letter');
    await orders.consume({
      topics: ['orders.dlq'],
      retry: false,
      handler: () => Promise.reject(new Error('no')),
    });
    await put('order', GENUINE);
    await buried.atLeast(1);
    await letters().redrive('orders.dlq.dlq');
    const [, back] = await letters().list('orders.dlq');
    expect(back).toMatchObject({ topic: 'orders', partition: 0, group: 'g', attempts: 3, redrives: 1 });
  });
});
