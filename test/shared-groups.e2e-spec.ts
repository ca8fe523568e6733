import { Injectable } from '@nestjs/common';
import { FullMessage, type Message, Subscribe } from '@genrocks/topics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningKafka, startKafka } from './kafka-harness.js';
import { Child } from './soak/child.js';

const GROUP = 'billing';
const TOPIC = 'orders';
const KEYS = 60;

/** What was handed out, in the order it was. */
class Deliveries {
  readonly byHandler: string[] = [];
  readonly byClient: string[] = [];
  readonly partitions = { handler: new Set<number>(), client: new Set<number>() };

  get all(): string[] {
    return [...this.byHandler, ...this.byClient];
  }

  count(): number {
    return new Set(this.all).size;
  }
}

let deliveries: Deliveries;

@Injectable()
class Billing {
  @Subscribe(TOPIC, { group: GROUP, autoCommitIntervalMs: 10 })
  bill(@FullMessage() { partition, key, value }: Message): void {
    deliveries.partitions.handler.add(partition);
    deliveries.byHandler.push(`${key}:${String(value)}`);
  }
}

describe('a @Subscribe handler and a kafkajs consumer in one group', () => {
  let running: RunningKafka;
  const clients: Child[] = [];
  let published: number;

  beforeEach(async () => {
    deliveries = new Deliveries();
    published = 0;
    const topics = [{ name: TOPIC, partitions: 4 }];
    running = await startKafka({ topics: { topics }, providers: [Billing] });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.kill()));
    await running.stop();
  });

  /** kafkajs in a process of its own, which can be killed. Resolves when it has a share. */
  async function join(): Promise<Child> {
    let client!: Child;
    await new Promise<void>((resolve) => {
      const options = { bootstrap: running.bootstrap, group: GROUP, topic: TOPIC, clientId: 'elsewhere' };
      client = new Child('./kafkajs-member.mjs', options, ([name, ...details]) => {
        if (name === 'joined' && (details[0] as number[]).length > 0) resolve();
        if (name !== 'message') return;
        const [partition, , key, value] = details as [number, number, string, number];
        deliveries.partitions.client.add(partition);
        deliveries.byClient.push(`${key}:${value}`);
      });
      clients.push(client);
    });
    return client;
  }

  async function publish(count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => ({
      key: `k${(published + i) % KEYS}`,
      value: published + i,
    }));
    published += count;
    await running.topics.publishBatch(TOPIC, messages);
  }

  const until = (count: number) => expect.poll(() => deliveries.count(), { interval: 20 }).toBe(count);
  const members = async () => (await running.topics.groups.describe(GROUP)).members;

  function expectOrderPerKey(handed: readonly string[]): void {
    const last = new Map<string, number>();
    for (const one of new Set(handed)) {
      const [key, value] = one.split(':') as [string, string];
      expect(Number(value)).toBeGreaterThan(last.get(key) ?? -1);
      last.set(key, Number(value));
    }
  }

  it('have disjoint partitions, which show wherever groups are described; who stays gets all', async () => {
    await publish(120);
    await until(120);
    const client = await join();
    deliveries.partitions.handler.clear();
    await publish(240);
    await until(360);
    const { handler, client: elsewhere } = deliveries.partitions;
    expect([...handler].filter((partition) => elsewhere.has(partition))).toEqual([]);
    expect([...handler, ...elsewhere].sort()).toEqual([0, 1, 2, 3]);
    expect([handler.size, elsewhere.size]).toEqual([2, 2]);

    const described = await members();
    expect(described.map(({ clientId, clientHost }) => [clientId, clientHost])).toEqual([
      ['genrocks', 'in-process'],
      ['elsewhere', '/127.0.0.1'],
    ]);
    expect(described.flatMap(({ assignment }) => assignment[0]!.partitions).sort()).toEqual([0, 1, 2, 3]);
    const admin = running.kafka.admin();
    await admin.connect();
    const { groups } = await admin.describeGroups([GROUP]);
    await admin.disconnect();
    expect(groups[0]).toMatchObject({
      state: 'Stable',
      protocolType: 'consumer',
      protocol: 'RoundRobinAssigner',
    });
    expect(groups[0]!.members.map(({ memberId }) => memberId)).toEqual(
      described.map(({ memberId }) => memberId),
    );

    await client.end('leave');
    await expect.poll(async () => (await members()).length).toBe(1);
    deliveries.partitions.handler.clear();
    await publish(120);
    await until(480);
    expect([...deliveries.partitions.handler].sort()).toEqual([0, 1, 2, 3]);
    expectOrderPerKey(deliveries.byHandler);
    expectOrderPerKey(deliveries.byClient);
  });

  it('lose nothing when the consumer is killed: its partitions go to the handler', async () => {
    const client = await join();
    await publish(240);
    await until(240);
    await client.kill();
    await publish(240);
    await until(480);
    await expect.poll(async () => (await members()).length).toBe(1);
    expectOrderPerKey(deliveries.byHandler);
  });

  it('lose nothing when the handler stops: its partitions go to the consumer', async () => {
    await join();
    const [handler] = running.topics.consumerGroups;
    await publish(240);
    await until(240);
    await handler!.stop();
    deliveries.partitions.client.clear();
    await publish(240);
    await until(480);
    expect([...deliveries.partitions.client].sort()).toEqual([0, 1, 2, 3]);
    expectOrderPerKey(deliveries.byClient);
    await running.topics.addPartitions(TOPIC, 6);
    await running.topics.startConsumerGroup({ group: GROUP, topics: [TOPIC], handler: () => {} });
    const owned = (await members()).flatMap(({ assignment }) => assignment.flatMap((one) => one.partitions));
    expect(owned.sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
