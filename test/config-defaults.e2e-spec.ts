import { describe, expect, it } from 'vitest';
import { checkBrokerConfig } from '../apps/broker/src/config/broker-config.js';
import { resolveKafkaOptions } from '../libs/kafka/src/options.js';
import { resolveOptions } from '../libs/topics/src/options.js';

/** The broker's configuration writes its defaults down for its own schema; they are those of the libraries. */
describe('the defaults of the broker', () => {
  const config = checkBrokerConfig({});

  it('are those of topics', () => {
    const { autoCreateTopics, defaultPartitions, ...resolved } = resolveOptions({});
    expect(config).toMatchObject({ autoCreateTopics, defaultPartitions });
    const limits = { ...config.limits } as Record<string, unknown>;
    expect(Object.keys(limits).length).toBeGreaterThan(7);
    for (const [name, value] of Object.entries(limits))
      expect([name, value]).toEqual([name, resolved[name as keyof typeof resolved]]);
  });

  it('are those of the Kafka listener', () => {
    const resolved = resolveKafkaOptions({});
    const { enabled, ...kafka } = { ...config.kafka } as Record<string, unknown>;
    expect(enabled).toBe(true);
    expect(Object.keys(kafka).length).toBeGreaterThan(10);
    for (const [name, value] of Object.entries(kafka))
      expect([name, value]).toEqual([name, resolved[name as keyof typeof resolved]]);
  });
});
