import { Module } from '@nestjs/common';
import { MemoryAdapter, type MemoryDisk } from '@genrocks/topics/testing';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { initProducerId } from '../protocol/apis/init-producer-id.js';
import { produce } from '../protocol/apis/produce.js';

@Module({})
class Disk {}

/** Starts without any state except the topic's log on the disk, and writes as a new producer. */
async function publishOnce(disk: MemoryDisk): Promise<number> {
  const adapter = new MemoryAdapter(disk);
  const module = {
    module: Disk,
    providers: [{ provide: MemoryAdapter, useValue: adapter }],
    exports: [MemoryAdapter],
  };
  const { app, topics, port } = await embed(
    {},
    {
      adapters: [{ module, adapter: MemoryAdapter }],
      topics: [{ name: 't', storage: { adapter: 'memory' } }],
    },
  );
  const client = await RawClient.connect(port);
  const { producerId } = await client.call(initProducerId, 4, {
    transactionalId: null,
    transactionTimeoutMs: 1_000,
    producerId: -1,
    producerEpoch: -1,
  });
  const records = await makeBatch(topics, 1, { producerId, epoch: 0, sequence: 0 });
  const answer = await client.call(produce, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1_000,
    topics: [{ name: 't', partitions: [{ index: 0, records }] }],
  });
  client.end();
  await app.close();
  const { errorCode, baseOffset } = answer.topics[0]!.partitions[0]!;
  expect(errorCode).toBe(0);
  return baseOffset;
}

describe('producer ids', () => {
  it('do not collide with ids in a log that outlived the listener’s state', async () => {
    const disk: MemoryDisk = new Map();
    expect(await publishOnce(disk)).toBe(0);
    // The first message of another producer must not count as a duplicate.
    expect(await publishOnce(disk)).toBe(1);
  });
});
