import { describe, expect, it } from 'vitest';
import { BatchWriter, type RecordInput, recordBytes } from '../records/batch-writer.js';
import { messagesOfBatch } from './batch-messages.js';
import { offsetKey } from './offset-key.js';

const where = { topic: 'orders', partition: 3 };

function batch(baseOffset: number, values: readonly unknown[]): Buffer {
  const writer = new BatchWriter(0);
  values.forEach((value, i) => {
    const input: RecordInput = {
      key: Buffer.from(`k${i}`),
      value: Buffer.from(JSON.stringify(value)),
      headers: [],
      timestamp: 1_700_000_000_000 + i,
    };
    writer.append(input, recordBytes(input));
  });
  return writer.finish(baseOffset);
}

describe('the messages of an entry in a store', () => {
  it('have their offsets, keys and values', () => {
    const messages = messagesOfBatch(where, offsetKey(40), batch(40, [{ id: 1 }, { id: 2 }]))!;
    expect(
      messages.map(({ topic, partition, offset, key, value }) => [topic, partition, offset, key, value]),
    ).toEqual([
      ['orders', 3, 40, 'k0', { id: 1 }],
      ['orders', 3, 41, 'k1', { id: 2 }],
    ]);
  });

  it('are none where the key is not an offset, and an error where the batch is not one', () => {
    expect(messagesOfBatch(where, Buffer.from('a key of my own'), batch(0, [1]))).toBeUndefined();
    const damaged = batch(0, [1]);
    damaged[damaged.length - 1]! ^= 1;
    for (const bytes of [damaged, Buffer.from('text'), Buffer.alloc(0)])
      expect(() => messagesOfBatch(where, offsetKey(0), bytes)).toThrowError(
        expect.objectContaining({ code: 'CORRUPT_BATCH' }) as Error,
      );
  });
});
