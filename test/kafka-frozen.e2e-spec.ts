import { setTimeout as after } from 'node:timers/promises';
import { type Consumer, Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBroker, type SuiteBroker } from './suites/lib/broker.mjs';

const SESSION_MS = 2_000;
const FROZEN_MS = 1.5 * SESSION_MS;

describe.skipIf(process.platform === 'win32')('a broker whose process was frozen', () => {
  let broker: SuiteBroker;
  let kafka: Kafka;
  const members: Consumer[] = [];

  beforeEach(async () => {
    broker = await startBroker({ GENROCKS_STORAGE: 'ets' });
    kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2 }] });
    await admin.disconnect();
  });
  afterEach(async () => {
    await Promise.all(members.splice(0).map((member) => member.disconnect()));
    await broker.stop();
  });

  /** @returns how often it joined */
  async function join(): Promise<() => number> {
    const groupId = 'g';
    const member = kafka.consumer({
      groupId,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
    });
    members.push(member);
    let joins = 0;
    member.on('consumer.group_join', () => void joins++);
    await member.subscribe({ topic: 't' });
    await member.run({ eachMessage: async () => {} });
    return () => joins;
  }

  async function isStable(): Promise<boolean> {
    const admin = kafka.admin();
    const { groups } = await admin.describeGroups(['g']);
    await admin.disconnect();
    return groups[0]!.state === 'Stable' && groups[0]!.members.length === 2;
  }

  it('longer than their sessions expels no members, and has them join no new generation', async () => {
    const joins = [await join(), await join()];
    await expect.poll(isStable).toBe(true);
    await expect.poll(() => joins.every((count) => count() > 0)).toBe(true);
    const before = joins.map((count) => count());

    broker.freeze();
    await after(FROZEN_MS);
    broker.thaw();

    // Each is heard again, and its heartbeat is welcome.
    await Promise.all(members.map((member) => beat(member)));
    await Promise.all(members.map((member) => beat(member)));
    expect(joins.map((count) => count())).toEqual(before);
    expect(await isStable()).toBe(true);
  });
});

const beat = (member: Consumer) =>
  new Promise<void>((resolve) => {
    const stop = member.on('consumer.heartbeat', () => (stop(), resolve()));
  });
