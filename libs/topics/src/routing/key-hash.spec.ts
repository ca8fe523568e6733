import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { expect, it } from 'vitest';
import { idle, recordOf } from '../__fixtures__/routing.js';
import { Router } from './router.js';

it('key_hash sends every key where the default partitioner of kafkajs does', () => {
  const oracle = kafkajs.Partitioners.DefaultPartitioner();
  const router = new Router('t', 'key_hash');
  const key = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ minLength: 1 }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(key, fc.integer({ min: 1, max: 200 }), (bytes, count) => {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
        partitionId,
        partitionErrorCode: 0,
        leader: 1,
        replicas: [1],
        isr: [1],
      }));
      const expected = oracle({ topic: 't', partitionMetadata, message: { key: bytes, value: null } });
      expect(router.partitionFor(recordOf(bytes), null, undefined, idle(count))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});
