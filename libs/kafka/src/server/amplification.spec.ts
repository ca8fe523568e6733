import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { deleteGroups } from '../protocol/apis/delete-groups.js';
import { deleteRecords } from '../protocol/apis/delete-records.js';
import { describeConfigs } from '../protocol/apis/describe-configs.js';
import { describeGroups } from '../protocol/apis/describe-groups.js';
import { fetch } from '../protocol/apis/fetch.js';
import { findCoordinator } from '../protocol/apis/find-coordinator.js';
import { listOffsets } from '../protocol/apis/list-offsets.js';
import { metadata } from '../protocol/apis/metadata.js';
import { offsetDelete } from '../protocol/apis/offset-delete.js';
import { offsetFetch } from '../protocol/apis/offset-fetch.js';
import { saslAuthenticate } from '../protocol/apis/sasl-authenticate.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';

/** A hundred copies of one item, then another item. */
const often = <T>(one: T, other: T): T[] => [...Array.from({ length: 100 }, () => one), other];

// A request of one megabyte can name one thing a quarter of a million times, and its answer could be a thousand times as
// large.
describe.each([
  ['without users', {}],
  ['with users', { users: { u: 'p' } }],
])('a request that names something many times, %s, gets one answer for its', (_who, options) => {
  let embedded: Embedded;
  let client: RawClient;

  async function start(): Promise<void> {
    embedded = await embed(options, { topics: [{ name: 'a', partitions: 2 }, { name: 'b' }] });
    client = await RawClient.connect(embedded.port);
    if (!('users' in options)) return;
    await client.call(saslHandshake, 1, { mechanism: 'PLAIN' });
    await client.call(saslAuthenticate, 2, { authBytes: Buffer.from('\0u\0p') });
  }

  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  it('topics, by name and by UUID', async () => {
    await start();
    const named = often({ name: 'a' }, { name: 'b' });
    const { topics } = await client.call(metadata, 9, { topics: named });
    expect(topics.map(({ name }) => name)).toEqual(['a', 'b']);
    const { id: topicId } = embedded.topics.topic('a');
    const byId = await client.call(metadata, 12, {
      topics: often<{ name: string | null; topicId?: string }>({ name: null, topicId }, { name: 'c' }),
    });
    expect(byId.topics.map(({ name }) => name)).toEqual(['a', 'c']);
  });

  it('partitions, in ListOffsets and Fetch', async () => {
    await start();
    await embedded.topics.publish('a', { value: 1, partition: 0 });
    const asked = often({ index: 0, timestamp: 0 }, { index: 1, timestamp: 0 });
    const offsets = await client.call(listOffsets, 5, {
      topics: often({ name: 'a', partitions: asked }, { name: 'b', partitions: asked }),
    });
    const seen = offsets.topics.map(({ name, partitions }) => [name, partitions.map(({ index }) => index)]);
    expect(seen).toEqual([
      ['a', [0, 1]],
      ['b', [0, 1]],
    ]);
    const wanted = { fetchOffset: 0, maxBytes: 1_000_000 };
    const fetched = await client.call(fetch, 11, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: often(
        { name: 'a', partitions: often({ index: 0, ...wanted }, { index: 1, ...wanted }) },
        { name: 'b', partitions: [{ index: 0, ...wanted }] },
      ),
    });
    expect(fetched.topics.map(({ partitions }) => partitions.length)).toEqual([2, 1]);
  });

  it('groups and their offsets', async () => {
    await start();
    await embedded.topics.groups.commitOffsets('g', [{ topic: 'a', partition: 0, offset: 0 }]);
    const { groups } = await client.call(describeGroups, 5, { groups: often('g', 'h') });
    expect(groups.map(({ groupId, state }) => [groupId, state])).toEqual([
      ['g', 'Empty'],
      ['h', 'Dead'],
    ]);
    const topics = often({ name: 'a', partitions: often(0, 1) }, { name: 'b', partitions: [0] });
    const one = await client.call(offsetFetch, 7, { groupId: 'g', topics });
    expect(one.topics.map(({ partitions }) => partitions.map(({ index }) => index))).toEqual([[0, 1], [0]]);
    const many = await client.call(offsetFetch, 8, {
      groups: often({ groupId: 'g', topics: topics.slice(-2) }, { groupId: 'h', topics: null }),
    });
    expect(many.groups.map(({ groupId, topics: told }) => [groupId, told.length])).toEqual([
      ['g', 2],
      ['h', 0],
    ]);
  });

  it('groups, in FindCoordinator and DeleteGroups', async () => {
    await start();
    await embedded.topics.groups.commitOffsets('g', [{ topic: 'a', partition: 0, offset: 0 }]);
    const { coordinators } = await client.call(findCoordinator, 4, { keyType: 0, keys: often('g', 'h') });
    expect(coordinators.map(({ key }) => key)).toEqual(['g', 'h']);
    const { results } = await client.call(deleteGroups, 2, { groups: often('g', 'h') });
    expect(results.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([
      ['g', 0],
      ['h', 69],
    ]);
  });

  it('partitions, in DeleteRecords and OffsetDelete', async () => {
    await start();
    await embedded.topics.publish('a', { value: 1, partition: 0 });
    await embedded.topics.groups.commitOffsets('g', [{ topic: 'a', partition: 0, offset: 1 }]);
    const offsets = await client.call(offsetDelete, 0, {
      groupId: 'g',
      topics: often(
        { name: 'a', partitions: often({ index: 0 }, { index: 1 }) },
        { name: 'b', partitions: [{ index: 0 }] },
      ),
    });
    expect(offsets.topics.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
    expect(embedded.topics.groups.has('g')).toBe(false);
    const partitions = often({ index: 0, offset: -1 }, { index: 1, offset: -1 });
    const records = await client.call(deleteRecords, 2, {
      timeoutMs: 1_000,
      topics: often({ name: 'a', partitions }, { name: 'b', partitions: [{ index: 0, offset: 0 }] }),
    });
    const marks = records.topics.map(({ name, partitions: told }) => [
      name,
      told.map((one) => one.lowWatermark),
    ]);
    expect(marks).toEqual([
      ['a', [1, 0]],
      ['b', [0]],
    ]);
  });

  it('configurations', async () => {
    await start();
    const resources = often({ type: 2, name: 'a', keys: null }, { type: 2, name: 'b', keys: null });
    const { results } = await client.call(describeConfigs, 4, { resources });
    expect(results.map(({ name }) => name)).toEqual(['a', 'b']);
  });
});
