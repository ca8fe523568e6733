import { MemoryAdapter, type MemoryDisk } from '@genrocks/topics/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed, storageOn } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { offsetCommit } from '../protocol/apis/offset-commit.js';
import { offsetFetch } from '../protocol/apis/offset-fetch.js';

describe('a committed offset', () => {
  let disk: MemoryDisk;
  let adapter: MemoryAdapter;
  let embedded: Embedded;
  let client: RawClient;

  const start = async () => {
    adapter = new MemoryAdapter(disk);
    embedded = await embed({}, { storage: storageOn(adapter), topics: [{ name: 'orders', partitions: 3 }] });
    client = await RawClient.connect(embedded.port);
  };
  const stop = async () => {
    client.end();
    await embedded.app.close();
  };
  beforeEach(() => {
    disk = new Map();
  });
  afterEach(stop);

  const commit = (version: number, index: number, committedLeaderEpoch: number, committedOffset = 7) =>
    client.call(offsetCommit, version, {
      groupId: 'billing',
      groupInstanceId: null,
      topics: [
        {
          name: 'orders',
          partitions: [{ index, committedOffset, committedLeaderEpoch, metadata: null }],
        },
      ],
    });
  const epochs = async (version: number) => {
    const topics = [{ name: 'orders', partitions: [0, 1, 2] }];
    const answer = await client.call(offsetFetch, version, {
      groupId: 'billing',
      topics,
      groups: [{ groupId: 'billing', memberId: null, topics }],
    });
    return (version < 8 ? answer.topics : answer.groups[0]!.topics)[0]!.partitions.map(
      ({ committedLeaderEpoch }) => committedLeaderEpoch,
    );
  };

  it('keeps its leader epoch, even across a restart; -1 if it had none', async () => {
    await start();
    const writes = adapter.writes;
    await commit(9, 0, 4);
    expect(adapter.writes).toBe(writes + 1);
    await commit(9, 1, -1);
    // An offset stored without an epoch has the form of versions that had no epochs.
    await embedded.topics.groups.commitOffsets('billing', [{ topic: 'orders', partition: 2, offset: 7 }], {
      allowBeyondEnd: true,
    });
    expect(await epochs(9)).toEqual([4, -1, -1]);

    await stop();
    await start();

    for (const version of [5, 7, 8, 9]) expect(await epochs(version)).toEqual([4, -1, -1]);
    // A later commit without an epoch removes the earlier epoch.
    await commit(5, 0, 4);
    expect(await epochs(9)).toEqual([-1, -1, -1]);
  });

  // kafkajs commits -2 or -1 after OFFSET_OUT_OF_RANGE, and stops if that commit is refused.
  it.each([-1, -2])(
    'of %i removes the offset: the group starts by its policy, even after a restart',
    async (offset) => {
      const offsets = async () => {
        const topics = [{ name: 'orders', partitions: [0, 1] }];
        const answer = await client.call(offsetFetch, 7, { groupId: 'billing', topics });
        return answer.topics[0]!.partitions.map(({ committedOffset }) => committedOffset);
      };
      await start();
      await commit(9, 0, -1);
      await commit(9, 1, -1);
      const { topics } = await commit(9, 1, -1, offset);
      expect(topics[0]!.partitions).toEqual([{ index: 1, errorCode: 0 }]);
      expect(await offsets()).toEqual([7, -1]);
      await stop();
      await start();
      expect(await offsets()).toEqual([7, -1]);
      await commit(9, 0, -1, offset);
      expect(await offsets()).toEqual([-1, -1]);
      const unknown = await commit(9, 2, -1, offset);
      expect(unknown.topics[0]!.partitions).toEqual([{ index: 2, errorCode: 0 }]);
    },
  );
});
