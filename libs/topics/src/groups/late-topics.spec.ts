import { describe, expect, it } from 'vitest';
import { useServices } from '../__fixtures__/service.js';
import { settled } from '../__fixtures__/waiting.js';
import { CONSUMER_PROTOCOL, encodeSubscription } from './coordinator/consumer-protocol.js';

const start = useServices();

describe('a member with a pattern, whose first round waits for others', () => {
  it('takes in a topic that came meanwhile', async () => {
    const { service } = await start();
    await service.startTopic('orders.a');
    const { memberId } = await service.coordinator.join('g', {
      memberId: '',
      groupInstanceId: null,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: CONSUMER_PROTOCOL,
      protocols: [
        {
          name: 'range',
          metadata: encodeSubscription({ topics: ['orders.a'], owned: [], generation: -1 }, 0),
        },
      ],
      clientId: 'slow',
      clientHost: '/127.0.0.1',
      needsKnownId: false,
      canSkipAssignment: false,
    });
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
