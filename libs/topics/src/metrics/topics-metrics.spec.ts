import { Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { NoSpaceError, StorageAdapter } from '@genrocks/storage';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { coded } from '../__fixtures__/waiting.js';
import { BatchWriter, recordBytes } from '../records/batch-writer.js';
import { MemoryAdapter, TopicsTester, TopicsTestingModule } from '../testing/index.js';
import { TopicsMetrics, TopicsMetricsModule, type TopicsMetricsOptions } from './index.js';

let app: TestingModule;
let registry: Registry;
afterEach(() => app?.close());

async function start(options: TopicsMetricsOptions = {}): Promise<TopicsTester> {
  registry = new Registry();
  @Module({
    imports: [
      TopicsTestingModule.forRoot({ adapter: new MemoryAdapter() }),
      TopicsMetricsModule.forRoot({ registry, ...options }),
    ],
  })
  class AppModule {}
  app = await (await Test.createTestingModule({ imports: [AppModule] }).compile()).init();
  return TopicsTester.of(app);
}

/** The values of a metric by label values, as `a,b`. */
async function values(name: string): Promise<Record<string, number>> {
  const metrics = await registry.getMetricsAsJSON();
  const metric = metrics.find((one) => one.name === `genrocks_${name}`);
  return Object.fromEntries(
    (metric?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(','), value]),
  );
}

describe('TopicsMetrics', () => {
  it('counts published, read and handled messages, with results', async () => {
    const { topics, ...kit } = await start();
    await topics.startTopic('orders', { partitions: 2 });
    await topics.startConsumerGroup({
      group: 'billing',
      topics: ['orders'],
      retry: { attempts: 3 },
      handler: async ({ value }) => {
        if (value === 'bad') throw new Error('no');
      },
    });
    await topics.publish('orders', { value: 'good', partition: 0 });
    await topics.publishBatch('orders', [
      { value: 'bad', partition: 0 },
      { value: 'good', partition: 1 },
    ]);
    await expect(topics.publish('orders', { value: undefined })).rejects.toThrow();
    await new TopicsTester(topics, kit.clock).drain();
    expect(await values('messages_published_total')).toEqual({ orders: 3, 'orders.dlq': 1 });
    expect(await values('messages_handled_total')).toEqual({
      'billing,orders,ok': 2,
      'billing,orders,error': 3,
    });
    expect(await values('handler_errors_total')).toEqual({ 'billing,orders': 3 });
    expect(await values('handler_retries_total')).toEqual({ 'billing,orders': 2 });
    expect(await values('dead_letters_total')).toEqual({ 'billing,orders': 1 });
    expect(await values('publish_errors_total')).toEqual({ CODEC_FAILED: 1 });
    expect(await values('group_lag')).toEqual({ 'billing,orders,0': 0, 'billing,orders,1': 0 });
    expect(await values('group_state')).toEqual({
      'billing,empty': 0,
      'billing,rebalancing': 0,
      'billing,stable': 1,
    });
    expect(await values('group_members')).toEqual({ billing: 1 });
    expect((await values('group_generation'))['billing']).toBeGreaterThan(0);
    expect(await values('partition_end_offset')).toMatchObject({ 'orders,0': 2, 'orders,1': 1 });
    expect((await values('tail_cache_reads_total'))['hit']).toBeGreaterThan(0);
    expect((await values('bytes_read_total'))['orders']).toBeGreaterThan(0);
    const text = await app.get(TopicsMetrics).text();
    expect(text).toMatch(/genrocks_publish_duration_seconds_count 2\n/);
    expect(text).toMatch(/genrocks_handler_duration_seconds_count\{group="billing",topic="orders"\} 5\n/);
    for (const line of text.split('\n').filter((one) => one.startsWith('# HELP'))) {
      expect(line.split(' ').length, line).toBeGreaterThan(5);
    }
  });

  it('counts refused writes to storage, including those of Kafka clients, and shows when it is full', async () => {
    const { topics, clock } = await start();
    const topic = await topics.startTopic('orders');
    const adapter = app.get<unknown, MemoryAdapter>(StorageAdapter, { strict: false });
    adapter.onWrite = () => Promise.reject(new NoSpaceError('orders/0', new Error('ENOSPC')));
    const record = { key: null, value: Buffer.from('1'), headers: [], timestamp: 0 };
    const batch = new BatchWriter(recordBytes(record));
    batch.append(record, recordBytes(record));
    await expect(topic.partition(0).append(batch.finish(0))).rejects.toThrow();
    await expect(topic.publish({ value: 1 })).rejects.toThrow();
    expect(await values('storage_write_errors_total')).toEqual({ 'memory,NO_SPACE': 2 });
    expect(await values('storage_full')).toEqual({ memory: 1 });
    adapter.onWrite = () => {};
    await clock!.advance(10_000);
    await topic.publish({ value: 1 });
    expect(await values('storage_full')).toEqual({ memory: 0 });
  });

  it('bounds the number of series', async () => {
    const { topics, ...kit } = await start({ maxTopics: 2, maxGroups: 1, maxPartitions: 4 });
    for (const name of ['a', 'b', 'c', 'd']) await topics.startTopic(name, { partitions: 2 });
    for (const group of ['g1', 'g2', 'g3']) {
      await topics.startConsumerGroup({ group, topics: ['a', 'b', 'c', 'd'], handler: () => {} });
    }
    for (const name of ['a', 'b', 'c', 'd']) await topics.publish(name, { value: 1 });
    await new TopicsTester(topics, kit.clock).drain();
    const published = await values('messages_published_total');
    expect(published).toEqual({ a: 1, b: 1, _others: 2 });
    expect(await values('partition_end_offset')).toEqual({ 'a,all': 1, 'b,all': 1, '_others,all': 2 });
    const handled = await values('messages_handled_total');
    expect(new Set(Object.keys(handled).map((labels) => labels.split(',')[0]))).toEqual(
      new Set(['_others', expect.stringMatching(/^g/) as string]),
    );
    expect(Object.values(handled).reduce((a, b) => a + b)).toBe(12);
    expect(Object.keys(await values('group_generation'))).toHaveLength(1);
    expect(Object.keys(await values('group_lag')).length).toBeLessThanOrEqual(6);
    // A deleted topic makes room for another.
    await topics.deleteTopic('a');
    expect(Object.keys(await values('messages_published_total')).sort()).toEqual(['_others', 'b', 'c']);
  });

  it('reports batches, storage and backpressure from existing counters', async () => {
    const kit = await start();
    const { topics } = kit;
    await topics.startConsumerGroup({
      group: 'g',
      topics: ['t'],
      batchHandler: (messages, { nack }) => nack(new Error('x'), messages[0]),
      deadLetter: false,
      retry: false,
    });
    await topics.publishBatch('t', [{ value: 1 }, { value: 2 }]);
    await kit.drain();
    expect(await values('messages_handled_total')).toMatchObject({ 'g,t,ok': 2 });
    expect(await values('messages_dropped_total')).toEqual({ 'g,t': 1 });
    topics.events.send('store-event', {
      topic: 't',
      partition: 0,
      event: { type: 'write', items: 1, bytes: 1, ms: 3 },
    });
    topics.events.send('store-event', {
      topic: 't',
      partition: 0,
      event: { type: 'evicted', items: 5, bytes: 1 },
    });
    topics.events.send('retention-lost', { group: 'g', topic: 't', partition: 0, from: 1, to: 4 });
    const call = { topic: 't', partition: 0, offset: 1, attempt: 1, timeoutMs: 5 };
    topics.events.send('handler-timeout', { group: 'g', memberId: 'g-1', ...call });
    topics.events.send('member-expelled', { group: 'g', memberId: 'g-1', error: new Error('x') });
    expect(await values('handler_timeouts_total')).toEqual({ 'g,t': 1 });
    expect(await values('group_members_expelled_total')).toEqual({ g: 1 });
    expect(await values('storage_lost_items_total')).toEqual({ t: 5 });
    expect(await values('retention_lost_messages_total')).toEqual({ 'g,t': 3 });
    expect((await values('publish_pending_limit_bytes'))['']).toBe(128 * 1024 * 1024);
    expect(await app.get(TopicsMetrics).text()).toMatch(/storage_write_duration_seconds_sum 0.003/);
  });

  it('shares a refresh between concurrent scrapes, and refuses invalid limits', async () => {
    await start({ prefix: 'own_' });
    const metrics = app.get(TopicsMetrics);
    const [one, two] = await Promise.all([metrics.text(), metrics.text()]);
    expect(one).toBe(two);
    expect(one).toContain('own_topics 0');
    await expect(start({ maxTopics: -1 })).rejects.toThrowError(coded('INVALID_CONFIG'));
  });
});
