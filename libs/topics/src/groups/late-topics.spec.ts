import { describe, expect, it } from 'vitest';
import type { MapDisk } from '../__fixtures__/map-adapter.js';
import { startService, useServices } from '../__fixtures__/service.js';
import { Collector, deferred, settled } from '../__fixtures__/waiting.js';
import { subscribing } from '../__fixtures__/wire-member.js';
import type { Message } from '../message.js';

const start = useServices();

describe('a member with a pattern, whose first round waits for others', () => {
  it('takes in a topic that came meanwhile', async () => {
    const { service } = await start();
    await service.startTopic('orders.a');
    const { memberId } = await service.coordinator.join('g', subscribing('orders.a'));
    const group = service.startConsumerGroup({ group: 'g', topics: ['orders.*'], handler: () => {} });
    await settled();
    await service.startTopic('orders.b');
    service.coordinator.leave('g', { memberId, groupInstanceId: null });
    await group;
    await settled();
    const [member] = (await service.groups.describe('g')).members;
    expect(member!.assignment.map(({ topic }) => topic).sort()).toEqual(['orders.a', 'orders.b']);
  });
});

describe('a group that begins at the latest', () => {
  it.each([
    ['a pattern', ['orders.*']],
    ['its name, after it was deleted', ['orders.eu']],
  ])('gets everything of a topic that comes later, by %s', async (_how, topics) => {
    const { service } = await start();
    if (topics[0] === 'orders.eu') await service.startTopic('orders.eu');
    const seen = new Collector<Message>();
    const handler = (message: Message) => seen.push(message);
    await service.startConsumerGroup({ group: 'g', topics, from: 'latest', handler });
    if (topics[0] === 'orders.eu') await service.deleteTopic('orders.eu');
    const topic = await service.startTopic('orders.eu', { partitions: 2 });
    await topic.publishBatch([0, 1].map((partition) => ({ partition, value: partition })));
    expect((await seen.atLeast(2)).map(({ value }) => value).sort()).toEqual([0, 1]);
  });
});

describe('a group of clients that subscribe by name', () => {
  it.each([
    ['comes', false],
    ['comes again', true],
  ])('has an offset in a topic that %s, before anyone can publish there', async (_, isDeleted) => {
    const { service } = await start();
    await service.startTopic('orders.us');
    await service.coordinator.join('clients', subscribing('orders.us', 'orders.eu'));
    if (isDeleted) {
      await service.startTopic('orders.eu');
      await service.deleteTopic('orders.eu');
    }
    await service.startTopic('orders.eu', { partitions: 2 });
    for (const partition of [0, 1]) {
      expect(service.groups.committed('clients', 'orders.eu', partition)).toMatchObject({ offset: 0 });
    }
    expect(service.groups.committed('clients', 'orders.us', 0)).toBeNull();
  });
});

describe('offsets that are committed while their topic is deleted', () => {
  it('are gone with it, over a restart too', async () => {
    const disk: MapDisk = new Map();
    const running = await startService({}, disk);
    const { service, adapter } = running;
    const topic = await service.startTopic('orders');
    const [entered, leave, gate] = [deferred(), deferred(), deferred()];
    const handler = () => {
      entered.resolve();
      return leave.promise;
    };
    await service.startConsumerGroup({ group: 'g', topics: ['orders'], commit: 'manual', handler });
    await topic.publish({ value: 1 });
    await entered.promise;
    const deleting = service.deleteTopic('orders');
    await settled();
    // The last commit of `g` ends the wait for it. That of `h` comes before the topic closes, and takes long.
    let committing: Promise<void> | undefined;
    adapter.onWrite = (name) => {
      if (name !== '__genrocks') return undefined;
      if (committing !== undefined) return gate.promise;
      committing = service.groups.commitOffsets('h', [{ topic: 'orders', partition: 0, offset: 0 }]);
      return undefined;
    };
    leave.resolve();
    await expect.poll(() => topic.state).toBe('deleted');
    await settled();
    gate.resolve();
    await Promise.all([deleting, committing]);
    await running.stop();
    const again = await start({}, disk);
    expect(again.service.groups.list()).toEqual([]);
  });
});
