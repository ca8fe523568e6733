import { inspect } from 'node:util';
import { Controller } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ClientKafka,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { logLevel, Partitioners } from 'kafkajs';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from './kafka-harness.js';

let running: RunningKafka;
afterEach(() => running.stop());

describe('@platformatic/kafka', () => {
  it('creates a topic, produces, and consumes in a group', async () => {
    running = await startKafka();
    const base = { clientId: 'test', bootstrapBrokers: [running.bootstrap] };
    const admin = new Admin(base);
    await admin.createTopics({ topics: ['events'], partitions: 2, replicas: 1 });
    const producer = new Producer({ ...base, serializers: stringSerializers });
    const messages = Array.from({ length: 20 }, (_, i) => ({
      topic: 'events',
      key: `k${i}`,
      value: `v${i}`,
    }));
    await producer.send({ messages });
    const consumer = new Consumer({ ...base, groupId: 'readers', deserializers: stringDeserializers });
    const stream = await consumer.consume({
      topics: ['events'],
      mode: 'earliest',
      autocommit: true,
      maxWaitTime: 100,
    });
    const seen: string[] = [];
    for await (const message of stream) {
      seen.push(message.value);
      if (seen.length === messages.length) break;
    }
    expect(seen.sort()).toEqual(messages.map(({ value }) => value).sort());
    stream.destroy();
    await Promise.all([consumer.close(), producer.close(), admin.close()]);
  });

  it('is told at once that there is no consumer protocol of KIP-848', async () => {
    running = await startKafka({ topics: { topics: [{ name: 'events' }] } });
    const consumer = new Consumer({
      clientId: 'test',
      bootstrapBrokers: [running.bootstrap],
      groupId: 'readers',
      groupProtocol: 'consumer',
      retries: 0,
    });
    const refused = await Promise.resolve(consumer.consume({ topics: ['events'] })).catch(
      (error: unknown) => error,
    );
    expect(inspect(refused, { depth: 9 })).toMatch(/UNSUPPORTED_VERSION/);
    await Promise.resolve(consumer.close(true)).catch(() => {});
  });
});

describe('NestJS Transport.KAFKA', () => {
  @Controller()
  class Shop {
    static readonly heard: unknown[] = [];

    @EventPattern('order.placed')
    onOrder(@Payload() order: unknown): void {
      Shop.heard.push(order);
    }

    @MessagePattern('sum')
    sum(@Payload() numbers: number[]): { total: number } {
      return { total: numbers.reduce((total, number) => total + number, 0) };
    }
  }

  it('delivers events and answers requests, unchanged', async () => {
    running = await startKafka();
    const options = {
      client: { brokers: [running.bootstrap], logLevel: logLevel.NOTHING },
      consumer: { groupId: 'shop', maxWaitTimeInMs: 100 },
      subscribe: { fromBeginning: true },
      producer: { createPartitioner: Partitioners.DefaultPartitioner },
    };
    const moduleRef = await Test.createTestingModule({ controllers: [Shop] }).compile();
    moduleRef.useLogger(false);
    const server = moduleRef.createNestMicroservice<MicroserviceOptions>({
      transport: Transport.KAFKA,
      options,
    });
    await server.listen();
    const client = new ClientKafka(options);
    client.subscribeToResponseOf('sum');
    await client.connect();
    expect(await firstValueFrom(client.send<unknown>('sum', [1, 2, 3]))).toEqual({ total: 6 });
    await firstValueFrom(client.emit('order.placed', { id: 7 }));
    await expect.poll(() => Shop.heard).toEqual([{ id: 7 }]);
    await client.close();
    await server.close();
  });
});
