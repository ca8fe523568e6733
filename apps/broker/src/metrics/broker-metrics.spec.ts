import { OTHERS } from '@genrocks/topics/metrics';
import type { Message } from '@genrocks/topics';
import { describe, expect, it } from 'vitest';
import { BrokerMetrics } from './broker-metrics.js';

describe('metrics by topic', () => {
  it('have no more series than there is room for, however many topics come and go', async () => {
    const metrics = new BrokerMetrics();
    const message = { keyBytes: null, valueBytes: Buffer.from('value') } as Message;
    for (let i = 0; i < 1_500; i++) metrics.countConsumed(`topic-${i}`, [message]);
    const text = await metrics.registry.metrics();
    const series = text.split('\n').filter((line) => line.startsWith('genrocks_messages_consumed_total{'));
    expect(series).toHaveLength(1_001);
    expect(series).toContain(`genrocks_messages_consumed_total{topic="${OTHERS}"} 500`);
  });
});
