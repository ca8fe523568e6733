import { Controller, type INestMicroservice } from '@nestjs/common';
import {
  ClientKafka,
  Ctx,
  EventPattern,
  KafkaContext,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { logLevel, Partitioners } from 'kafkajs';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka, temporaryDirectory } from './kafka-harness.js';
import { lastingPort } from './lasting-port.js';

/** What was heard, by instance of the service. */
let heard: { by: number; pattern: string; value: unknown }[];
let instances: number;

@Controller()
class Orders {
  private readonly by = instances++;

  @EventPattern('order.placed')
  onOrder(@Payload() value: unknown): void {
    heard.push({ by: this.by, pattern: 'order.placed', value });
  }

  @EventPattern<RegExp>(/^audit\..+/)
  onAudit(@Payload() value: unknown, @Ctx() context: KafkaContext): void {
    heard.push({ by: this.by, pattern: context.getTopic(), value });
  }

  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): { total: number } {
    return { total: numbers.reduce((total, number) => total + number, 0) };
  }
}

describe('NestJS Transport.KAFKA', () => {
  let running: RunningKafka;
  let directory: ReturnType<typeof temporaryDirectory> | undefined;
  const servers: INestMicroservice[] = [];
  const clients: ClientKafka[] = [];

  beforeEach(() => {
    heard = [];
    instances = 0;
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(servers.splice(0).map((server) => server.close()));
    await running.stop();
    directory?.remove();
    directory = undefined;
  });

  const optionsFor = (groupId: string) => ({
    client: {
      brokers: [running.bootstrap],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 300, retries: 1000 },
    },
    consumer: { groupId, maxWaitTimeInMs: 100, sessionTimeout: 6_000, heartbeatInterval: 100 },
    subscribe: { fromBeginning: true },
    producer: { createPartitioner: Partitioners.DefaultPartitioner },
  });

  async function startServer(groupId: string): Promise<void> {
    const moduleRef = await Test.createTestingModule({ controllers: [Orders] }).compile();
    moduleRef.useLogger(false);
    const server = moduleRef.createNestMicroservice<MicroserviceOptions>({
      transport: Transport.KAFKA,
      options: optionsFor(groupId),
    });
    servers.push(server);
    await server.listen();
  }

  async function startClient(...replies: string[]): Promise<ClientKafka> {
    const client = new ClientKafka(optionsFor('callers'));
    for (const pattern of replies) client.subscribeToResponseOf(pattern);
    clients.push(client);
    await client.connect();
    return client;
  }

  const valuesOf = (pattern: string) =>
    heard.filter((one) => one.pattern === pattern).map(({ value }) => value);

  it('shares events out among the instances of a service', async () => {
    const topics = ['order.placed', 'sum'].map((name) => ({ name, partitions: 4 }));
    running = await startKafka({ topics: { topics: [...topics, { name: 'audit.log' }] } });
    await startServer('orders');
    await startServer('orders');
    const client = await startClient();
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    for (const id of numbers)
      await firstValueFrom(client.emit('order.placed', { key: `k${id}`, value: { id } }));
    await expect
      .poll(() => (valuesOf('order.placed') as { id: number }[]).map(({ id }) => id).sort((a, b) => a - b))
      .toEqual(numbers);
    expect(new Set(heard.map(({ by }) => by))).toEqual(new Set([0, 1]));
  });

  it('answers requests of many at once', async () => {
    running = await startKafka({ topics: { topics: [{ name: 'audit.log' }] } });
    await startServer('orders');
    const client = await startClient('sum');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => firstValueFrom(client.send<unknown>('sum', [i, 1]))),
    );
    expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => ({ total: i + 1 })));
  });

  it('subscribes to topics by a pattern', async () => {
    running = await startKafka({
      topics: { topics: [{ name: 'audit.login' }, { name: 'audit.logout' }, { name: 'auditor' }] },
    });
    await startServer('orders');
    for (const topic of ['audit.login', 'audit.logout', 'auditor']) {
      await running.topics.publish(topic, { value: { topic } });
    }
    await expect.poll(() => heard.length).toBe(2);
    expect(valuesOf('audit.login')).toEqual([{ topic: 'audit.login' }]);
    expect(valuesOf('audit.logout')).toEqual([{ topic: 'audit.logout' }]);
  });

  it('loses no acknowledged event over a restart of the broker under load', async () => {
    directory = temporaryDirectory();
    const topics = { topics: [{ name: 'order.placed', partitions: 3 }, { name: 'audit.log' }] };
    const port = await lastingPort();
    running = await startKafka({ logDir: directory.path, topics, kafka: { port } });
    await startServer('orders');
    const client = await startClient();
    const acknowledged: number[] = [];
    let isEnding = false;
    const load = (async () => {
      for (let id = 0; !isEnding; id++) {
        await firstValueFrom(client.emit('order.placed', { key: `k${id}`, value: { id } })).then(
          () => acknowledged.push(id),
          () => {},
        );
      }
    })();
    await expect.poll(() => acknowledged.length).toBeGreaterThan(50);
    await running.stop();
    running = await startKafka({ logDir: directory.path, topics, kafka: { port } });
    const before = acknowledged.length;
    await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 50);
    isEnding = true;
    await load;
    const missing = () => {
      const ids = new Set((valuesOf('order.placed') as { id: number }[]).map(({ id }) => id));
      return acknowledged.filter((id) => !ids.has(id));
    };
    await expect.poll(missing).toEqual([]);
  });
});
