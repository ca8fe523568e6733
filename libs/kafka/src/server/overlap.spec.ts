import { NoSpaceError } from '@genrocks/storage';
import { MemoryAdapter } from '@genrocks/topics/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed, storageOn } from '../__fixtures__/embedded.js';
import { RawClient } from '../__fixtures__/raw-client.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { produce } from '../protocol/apis/produce.js';

describe('requests of one connection', () => {
  let adapter: MemoryAdapter;
  let embedded: Embedded;
  let client: RawClient;
  /** Writes to the topic go on from here. */
  let release: () => void;
  let held: number;

  beforeEach(async () => {
    adapter = new MemoryAdapter();
    embedded = await embed(
      { transferTimeoutMs: 200 },
      { storage: storageOn(adapter), topics: [{ name: 't' }] },
    );
    client = await RawClient.connect(embedded.port);
    held = 0;
    const gate = new Promise<void>((resolve) => (release = resolve));
    adapter.onWrite = (topic) => (topic === 't' ? (held++, gate) : undefined);
  });
  afterEach(async () => {
    release();
    client.end();
    await embedded.app.close();
  });

  const partition = () => embedded.topics.topic('t').partition(0);
  const pending = async () => (await partition().info()).pendingBytes;
  async function send(records: Buffer, topic = 't') {
    const request = {
      acks: -1,
      timeoutMs: 1000,
      topics: [{ name: topic, partitions: [{ index: 0, records }] }],
    };
    const { errorCode, baseOffset } = (await client.call(produce, 9, request)).topics[0]!.partitions[0]!;
    return errorCode === 0 ? baseOffset : -errorCode;
  }

  it('share one write, and are stored and answered in order', async () => {
    const batches: Buffer[] = [];
    for (const count of [1, 2, 3, 4]) batches.push(await makeBatch(embedded.topics, count));
    const bytes = batches.reduce((sum, { length }) => sum + length, 0);
    const order: number[] = [];
    const answers = batches.map((batch, i) => send(batch).finally(() => order.push(i)));
    await expect.poll(pending).toBe(bytes);
    release();
    expect(await Promise.all(answers)).toEqual([0, 1, 3, 6]);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(held).toBeLessThan(3);
  });

  it('get an error at its place in the order', async () => {
    const batch = await makeBatch(embedded.topics, 1);
    const answers = [send(batch), send(batch, 'nowhere'), send(batch)];
    await expect.poll(pending).toBe(2 * batch.length);
    release();
    expect(await Promise.all(answers)).toEqual([0, -3, 1]);
  });

  it('of one idempotent producer share a write too, and all fail if the first one fails', async () => {
    const make = (sequence: number) => makeBatch(embedded.topics, 1, { producerId: 7, epoch: 0, sequence });
    const [first, second, third, fourth] = [await make(0), await make(1), await make(2), await make(3)];
    const { length } = first;
    let fail = (_: Error) => {};
    const failing = new Promise<void>((_, reject) => (fail = reject));
    adapter.onWrite = (topic) => (topic === 't' ? (held++, failing) : undefined);
    const answers = [send(first)];
    await expect.poll(() => held).toBe(1);
    // The first two batches are sent again while queued: they share the outcome of the originals.
    answers.push(send(second), send(third), send(first), send(second));
    await expect.poll(pending).toBe(3 * length);
    fail(new NoSpaceError('the log'));
    expect(await Promise.all(answers)).toEqual([-56, -56, -56, -56, -56]);
    expect(held).toBe(1);
    adapter.onWrite = () => {};
    expect(await Promise.all([send(third), send(first), send(second), send(fourth)])).toEqual([
      -45, 0, 1, -45,
    ]);
    expect(await Promise.all([send(third), send(fourth), send(first)])).toEqual([2, 3, 0]);
  });

  it('are served one at a time for all other APIs', async () => {
    const plain = await makeBatch(embedded.topics, 1);
    const answers = [send(plain), send(plain)];
    const versions = client.call(apiVersions, 0, {}).then(({ errorCode }) => errorCode);
    await expect.poll(pending).toBe(2 * plain.length);
    expect(await Promise.race([versions, Promise.resolve('waits')])).toBe('waits');
    release();
    expect(await Promise.all([...answers, versions])).toEqual([0, 1, 0]);
  });

  it('are completed when the client disconnects, and release their memory', async () => {
    const batch = await makeBatch(embedded.topics, 1_500);
    void send(batch).catch(() => {});
    void send(batch).catch(() => {});
    await expect.poll(pending).toBe(2 * batch.length);
    client.end();
    await expect.poll(() => embedded.listener.status().connections).toBe(0);
    expect(embedded.listener.status().requestBytes).toBeGreaterThan(batch.length);
    release();
    await expect.poll(() => partition().endOffset).toBe(3_000);
    await expect.poll(() => embedded.listener.status().requestBytes).toBe(0);
  });
});
