import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { structuredCodec } from '@genrocks/storage';
import { EtsModule } from '@genrocks/storage-ets';
import { Type } from 'class-transformer';
import { IsDate, IsInt, IsPositive, ValidateNested } from 'class-validator';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { type Running, startService } from '../__fixtures__/service.js';
import { coded, Collector } from '../__fixtures__/waiting.js';
import { defineTopic, type TopicOf } from '../define-topic.js';
import type { SchemaViolationError } from '../errors.js';
import { TopicsModule } from '../module/topics.module.js';
import { Topic } from '../topic.js';
import { TopicsService } from '../topics.service.js';
import { InjectTopic } from '../topics.tokens.js';

class Place {
  @IsPositive()
  zip!: number;
}

class Order {
  @IsInt()
  id!: number;

  @IsPositive()
  total!: number;

  @IsDate()
  @Type(() => Date)
  at!: Date;

  @ValidateNested()
  @Type(() => Place)
  place!: Place;
}

const good = { id: 1, total: 5, at: new Date(7), place: { zip: 1 } };
const bad = { id: 'x', total: 5, at: new Date(7), place: { zip: -1 } };

let running: Running;
beforeEach(async () => {
  running = await startService();
});
afterEach(() => running.stop());

describe('a topic with a class as its schema', () => {
  it('stores no value that does not fit, and lists its mistakes', async () => {
    const topic = await running.service.startTopic('orders', { schema: Order });
    expectTypeOf(topic).toEqualTypeOf<Topic<Order>>();
    const error = (await topic
      .publish({ value: bad as never })
      .catch((reason: unknown) => reason)) as SchemaViolationError;
    expect(error).toMatchObject({ code: 'SCHEMA_VIOLATION', retriable: false });
    expect(error.message).toContain('"orders"');
    expect(error.issues.map(({ path }) => path)).toEqual(['id', 'place.zip']);
    expect(error.details).toMatchObject({ topic: 'orders', issues: error.issues });
    await expect(topic.publishBatch([{ value: good }, { value: bad as never }])).rejects.toThrowError(
      coded('SCHEMA_VIOLATION'),
    );
    for (const bytes of ['{}', '5', '[]']) {
      await expect(topic.publish({ value: Buffer.from(bytes) })).rejects.toThrowError(
        coded('SCHEMA_VIOLATION'),
      );
    }
    await expect(topic.publish({ value: Buffer.from('no JSON') })).rejects.toThrowError(
      coded('CODEC_FAILED'),
    );
    expect(topic.partition(0).endOffset).toBe(0);
  });

  it('gives readers instances, and tombstones unchecked', async () => {
    const topic = await running.service.startTopic('orders', { schema: Order });
    await topic.publishBatch([{ value: good }, { key: 'k', value: null }]);
    const { messages } = await topic.partition(0).readMessages<Order>({ offset: 0 });
    expect(messages[0]!.value).toBeInstanceOf(Order);
    expect(messages[0]!.value).toEqual(
      Object.assign(new Order(), good, { place: Object.assign(new Place(), { zip: 1 }) }),
    );
    expect(messages[1]!.value).toBeNull();
    expect(topic.describe().schema).toBe('Order');
  });
});

describe('a topic with a Standard Schema', () => {
  const schema = z.object({ id: z.number(), note: z.string().default('none') });

  it('checks what a reader will see, and gives readers its output', async () => {
    const topic = await running.service.startTopic('notes', { schema });
    expectTypeOf(topic).toEqualTypeOf<Topic<{ id: number; note: string }>>();
    await topic.publish({ value: { id: 1 } as never });
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(messages[0]!.value).toEqual({ id: 1, note: 'none' });
    expect(messages[0]!.valueBytes!.toString()).toBe('{"id":1}');
    await expect(topic.publish({ value: { id: 'x', note: 5 } as never })).rejects.toThrowError(
      expect.objectContaining({
        details: {
          topic: 'notes',
          issues: [expect.objectContaining({ path: 'id' }), expect.objectContaining({ path: 'note' })],
        },
      }),
    );
    // JSON has no dates: a value that a reader would refuse is refused on publish.
    const dates = z.object({ at: z.date() });
    const asJson = await running.service.startTopic('json-dates', { schema: dates });
    await expect(asJson.publish({ value: { at: new Date() } })).rejects.toThrowError(
      coded('SCHEMA_VIOLATION'),
    );
    const asIs = await running.service.startTopic('dates', { schema: dates, codec: structuredCodec });
    await asIs.publish({ value: { at: new Date(5) } });
    const read = await asIs.partition(0).readMessages<{ at: Date }>({ offset: 0 });
    expect(read.messages[0]!.value.at).toEqual(new Date(5));
  });

  it('must be a synchronous schema', async () => {
    const late = await running.service.startTopic('late', { schema: z.string().refine(async () => true) });
    await expect(late.publish({ value: 'x' })).rejects.toThrowError(coded('INVALID_CONFIG'));
    for (const wrong of [5, {}, 'Order']) {
      await expect(running.service.startTopic('x', { schema: wrong as never })).rejects.toThrowError(
        coded('INVALID_CONFIG'),
      );
      expect(running.service.hasTopic('x')).toBe(false);
    }
  });

  it('cannot be changed while the topic runs', async () => {
    await running.service.startTopic('notes');
    await expect(running.service.startTopic('notes', { schema })).rejects.toThrowError(coded('TOPIC_EXISTS'));
    await running.service.stopTopic('notes');
    await running.service.startTopic('notes', { schema });
    await running.service.startTopic('notes', { schema });
    await running.service.startTopic('notes');
  });
});

describe('a message that does not fit, from a client that does not check', () => {
  async function mixed(): Promise<Topic<{ n: number }>> {
    const { service } = running;
    await service.startTopic('plain');
    for (const n of [0, 'bad', 2, 'worse', 4]) await service.publish('plain', { key: `${n}`, value: { n } });
    const topic = await service.startTopic('checked', { schema: z.object({ n: z.number() }) });
    const { batches } = await service.topic('plain').partition(0).readBatches({ offset: 0 });
    for (const batch of batches) await topic.partition(0).append(batch);
    return topic;
  }

  it.each(['one by one', 'in batches'])(
    'is a dead letter at once, and no handler sees it (%s)',
    async (how) => {
      await mixed();
      const { service } = running;
      const seen = new Collector<number>();
      const failures: unknown[] = [];
      service.events.on('handler-error', ({ retryInMs }) => failures.push(retryInMs));
      const group = await service.startConsumerGroup<{ n: number }>({
        group: 'g',
        topics: ['checked'],
        ...(how === 'one by one'
          ? { handler: ({ value }) => seen.push(value.n) }
          : {
              batchHandler: (messages) => messages.forEach(({ value }) => seen.push(value.n)),
              batchSize: 10,
            }),
      });
      await seen.atLeast(3);
      await expect.poll(() => service.groups.committed('g', 'checked', 0)?.offset).toBe(5);
      await group.stop();
      expect(seen.items).toEqual([0, 2, 4]);
      expect(failures.every((retryInMs) => retryInMs === null)).toBe(true);
      const letters = await service.deadLetters.list('checked.dlq');
      expect(letters.map(({ error, attempts, message }) => [error, attempts, message.key])).toEqual([
        ['SCHEMA_VIOLATION', 1, 'bad'],
        ['SCHEMA_VIOLATION', 1, 'worse'],
      ]);
      expect(letters[0]!.reason).toContain('n: ');
    },
  );

  it('throws when its value is read without a group', async () => {
    const topic = await mixed();
    const { messages } = await topic.partition(0).readMessages({ offset: 0 });
    expect(() => messages[1]!.value).toThrowError(coded('SCHEMA_VIOLATION'));
    expect(messages[1]!.valueBytes!.toString()).toBe('{"n":"bad"}');
  });
});

describe('forFeature with a schema', () => {
  const orders = defineTopic({ name: 'orders', schema: Order });

  it('injects a typed topic, even if other definitions set its options', async () => {
    @Injectable()
    class Shop {
      constructor(@InjectTopic(orders) readonly orders: Topic<Order>) {}
    }
    @Module({ imports: [TopicsModule.forFeature([orders])], providers: [Shop] })
    class ShopModule {}

    expectTypeOf<TopicOf<typeof orders>>().toEqualTypeOf<Topic<Order>>();
    const moduleRef = await Test.createTestingModule({
      imports: [
        TopicsModule.forRoot({ storage: EtsModule.forRoot(), topics: [{ name: 'orders', partitions: 4 }] }),
        ShopModule,
      ],
    }).compile();
    moduleRef.useLogger(false);
    const app = await moduleRef.init();
    const shop = app.get(Shop);
    await shop.orders.publish({ value: good });
    await expect(shop.orders.publish({ value: bad as never })).rejects.toThrowError(
      coded('SCHEMA_VIOLATION'),
    );
    await expect(app.get(TopicsService).publish('orders', { value: bad })).rejects.toThrowError(
      coded('SCHEMA_VIOLATION'),
    );
    expect(shop.orders.describe()).toMatchObject({ partitionCount: 4, schema: 'Order' });
    await app.close();
  });
});
