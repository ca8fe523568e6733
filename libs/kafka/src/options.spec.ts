import { describe, expect, it } from 'vitest';
import { resolveKafkaOptions } from './options.js';

const refused = (options: object) => {
  try {
    resolveKafkaOptions(options);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

describe('options of the listener', () => {
  it('with unknown names are refused with a list of the known ones, including names of Object.prototype', () => {
    for (const name of ['maxConections', 'toString', 'constructor']) {
      expect(refused({ [name]: 1 })).toMatch(
        new RegExp(`^kafka\\.${name}: unknown option; allowed are .*maxConnections`),
      );
    }
  });

  it('that contradict each other are refused', () => {
    expect(refused({ maxRequestBytes: 2048 * 1024, maxInflightBytes: 1024 * 1024 })).toMatch(
      /^kafka\.maxInflightBytes: 1048576 is not allowed; at least maxRequestBytes/,
    );
    expect(refused({ minSessionTimeoutMs: 10, maxSessionTimeoutMs: 9 })).toMatch(
      /^kafka\.maxSessionTimeoutMs: 9 is not allowed; at least minSessionTimeoutMs/,
    );
    expect(refused({ port: 65_535, brokers: 2 })).toMatch(/^kafka\.brokers: 2 is not allowed/);
    expect(refused({ minSessionTimeoutMs: 10, maxSessionTimeoutMs: 10 })).toBeUndefined();
  });
});
