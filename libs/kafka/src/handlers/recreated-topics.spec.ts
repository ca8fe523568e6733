import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { fetch } from '../protocol/apis/fetch.js';
import { metadata } from '../protocol/apis/metadata.js';
import { offsetFetch } from '../protocol/apis/offset-fetch.js';
import { ErrorCode } from '../protocol/error-codes.js';

const BY_NAME = 12;
const BY_ID = 17;
/** Longer than a test may take, so that no poll ends by timeout. */
const FOR_EVER_MS = 60_000;

describe('a topic that was deleted and created again', () => {
  let embedded: Embedded;
  let client: RawClient;
  let oldId: string;

  beforeEach(async () => {
    embedded = await embed({}, { topics: [{ name: 't' }] });
    oldId = embedded.topics.topic('t').id;
    await publish(5);
    client = await RawClient.connect(embedded.port);
  });
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  const publish = async (count: number) => {
    for (let value = 0; value < count; value++) await embedded.topics.publish('t', { value });
  };
  const recreate = async (count: number) => {
    await embedded.topics.deleteTopic('t');
    await embedded.topics.startTopic('t');
    await publish(count);
  };
  const read = async (version: number, topicId: string, fetchOffset: number, maxWaitMs = 0) => {
    const { topics } = await client.call(fetch, version, {
      maxWaitMs,
      minBytes: 1,
      topics: [{ name: 't', topicId, partitions: [{ index: 0, fetchOffset, maxBytes: 1_000 }] }],
    });
    const { errorCode, records } = topics[0]!.partitions[0]!;
    return { errorCode, bytes: records!.length };
  };

  it.each([
    ['by UUID', BY_ID],
    ['by name', BY_NAME],
  ])('ends polls %s that wait for data of the old one', async (_, version) => {
    const polled = read(version, oldId, 5, FOR_EVER_MS);
    // Once this has its answer, the poll has been received too.
    const other = await RawClient.connect(embedded.port);
    await other.call(metadata, 9, { topics: [{ name: 't' }] });
    other.end();
    await recreate(2);
    const answer = await polled;
    expect(answer.bytes).toBe(0);
    // The code depends on how far the deletion is. Clients refresh metadata after each of them.
    expect([
      ErrorCode.NOT_LEADER_OR_FOLLOWER,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_ID,
    ]).toContain(answer.errorCode);
  });

  it('cannot be read under its old UUID, however long it is', async () => {
    await recreate(2);
    expect(await read(BY_ID, oldId, 5)).toEqual({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, bytes: 0 });
    expect(await read(BY_NAME, oldId, 5)).toEqual({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, bytes: 0 });
    await publish(8);
    expect(await read(BY_ID, oldId, 5)).toEqual({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, bytes: 0 });
    const { id } = embedded.topics.topic('t');
    expect(await read(BY_ID, id, 5)).toMatchObject({ errorCode: ErrorCode.NONE });
    const named = await client.call(metadata, 12, { topics: [{ topicId: oldId, name: null }] });
    expect(named.topics[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });

  it('cannot be read by name from the position that a connection had in the old one', async () => {
    const ask = (fetchOffset: number) => read(BY_NAME, oldId, fetchOffset);
    const isRead = { errorCode: ErrorCode.NONE };
    expect(await ask(0)).toMatchObject(isRead);
    expect(await ask(5)).toEqual({ ...isRead, bytes: 0 });
    await recreate(8);

    expect(await ask(5)).toEqual({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, bytes: 0 });

    // The error comes only once: from here on, every offset can be read.
    for (const offset of [5, 0, 8]) expect(await ask(offset)).toMatchObject(isRead);
    await recreate(9);
    // A connection at another position than its last one has chosen it in the new topic.
    expect(await ask(7)).toMatchObject(isRead);
    const other = await RawClient.connect(embedded.port);
    const partitions = [{ index: 0, fetchOffset: 8, maxBytes: 1_000 }];
    const fresh = await other.call(fetch, BY_NAME, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ name: 't', partitions }],
    });
    expect(fresh.topics[0]!.partitions[0]).toMatchObject(isRead);
    other.end();
  });

  it('has no committed offsets', async () => {
    await embedded.topics.groups.commitOffsets('g', [{ topic: 't', partition: 0, offset: 5 }]);
    await recreate(8);
    const topics = [{ name: 't', partitions: [0] }];
    const answer = await client.call(offsetFetch, 7, { groupId: 'g', topics });
    expect(answer.topics[0]!.partitions[0]).toMatchObject({ committedOffset: -1, committedLeaderEpoch: -1 });
  });

  it('keeps its UUID when partitions are added, and serves them at once', async () => {
    const polled = read(BY_ID, oldId, 5, FOR_EVER_MS);
    await embedded.topics.addPartitions('t', 2);
    await embedded.topics.publish('t', { value: 5, partition: 0 });
    expect(await polled).toMatchObject({ errorCode: ErrorCode.NONE });
    const partitions = [{ index: 1, fetchOffset: 0, maxBytes: 1_000 }];
    const { topics } = await client.call(fetch, BY_ID, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topicId: oldId, partitions }],
    });
    expect(topics[0]!.partitions[0]).toMatchObject({ errorCode: ErrorCode.NONE, highWatermark: 0 });
  });
});
