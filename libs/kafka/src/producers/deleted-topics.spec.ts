import { MemoryAdapter, type MemoryDisk } from '@genrocks/topics/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { embed, storageOn } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { produce } from '../protocol/apis/produce.js';

describe('producers of a topic that was deleted', () => {
  const disk: MemoryDisk = new Map();
  const start = () => {
    return embed({}, { storage: storageOn(new MemoryAdapter(disk)) });
  };
  /** The keys of producers in the listener's store. */
  const kept = () => {
    const keys = disk.get('__genrocks_kafka:0')!.page('', undefined, false, 1_000);
    return keys.map(([key]) => key).filter((key) => key.startsWith('producers\0'));
  };

  beforeEach(async () => {
    disk.clear();
    const { app, topics, port } = await start();
    const records = await makeBatch(topics, 1, { producerId: 7, epoch: 0, sequence: 0 });
    await topics.startTopic('t');
    const client = await RawClient.connect(port);
    await client.call(produce, 9, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_000,
      topics: [{ name: 't', partitions: [{ index: 0, records }] }],
    });
    client.end();
    await app.close();
    expect(kept()).toHaveLength(1);
  });

  it('are forgotten, whoever deletes the topic', async () => {
    const { app, topics } = await start();
    await topics.deleteTopic('t');
    await app.close();
    expect(kept()).toEqual([]);
  });

  it('are forgotten at the next start if the listener was not running', async () => {
    disk.delete('__genrocks:0');
    const { app } = await start();
    expect(kept()).toEqual([]);
    await app.close();
  });
});
