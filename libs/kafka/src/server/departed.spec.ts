import { MemoryAdapter } from '@genrocks/topics/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed, storageOn } from '../__fixtures__/embedded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import { writeMessageSet } from '../message-sets/message-set-writer.js';
import { heartbeat } from '../protocol/apis/heartbeat.js';
import { produce } from '../protocol/apis/produce.js';

/** More requests than may overlap. */
const MANY = 300;

describe('requests of a client that has disconnected', () => {
  let adapter: MemoryAdapter;
  let embedded: Embedded;
  let client: RawClient;
  let batch: Buffer;
  /** Writes to the topic go on from here. */
  let release: () => void;

  beforeEach(async () => {
    adapter = new MemoryAdapter();
    embedded = await embed({}, { storage: storageOn(adapter), topics: [{ name: 't' }] });
    batch = await makeBatch(embedded.topics, 1);
    client = await RawClient.connect(embedded.port);
    const gate = new Promise<void>((resolve) => (release = resolve));
    adapter.onWrite = (topic) => (topic === 't' ? gate : undefined);
  });
  afterEach(async () => {
    release();
    client.end();
    await embedded.app.close();
  });

  const partition = () => embedded.topics.topic('t').partition(0);
  const written = async () => (await partition().info()).pendingBytes;
  const append = (records = batch, acks = 0, version = 9) =>
    encodeRequest(produce, version, 1, {
      acks,
      timeoutMs: 1000,
      topics: [{ name: 't', partitions: [{ index: 0, records }] }],
    });
  /** A request of an old version, which does not overlap with others. */
  const old = () => append(writeMessageSet([batch], 1, 0, 1_000), 0, 2);
  const half = () => append(Buffer.alloc(100_000)).subarray(0, 10_000);
  /** Sends all requests and waits until the server has closed the connection too. */
  const sendAndLeave = async (...requests: Buffer[]) => {
    client.socket.end(Buffer.concat(requests));
    await client.closed;
  };
  const nothing = { connections: 0, requestBytes: 0, answerBytes: 0 };

  it('are served if they arrived completely; a partial one is dropped, and its memory released', async () => {
    await sendAndLeave(old(), ...Array.from({ length: MANY }, () => append()), half());
    expect(embedded.listener.status().connections).toBe(1);
    release();
    await expect.poll(() => partition().endOffset).toBe(1 + MANY);
    await expect.poll(() => embedded.listener.status()).toMatchObject(nothing);
  });

  it('are served one at a time if they may not overlap', async () => {
    const beat = encodeRequest(heartbeat, 3, 1, {
      groupId: 'g',
      generationId: 1,
      memberId: 'm',
      groupInstanceId: null,
    });
    await sendAndLeave(old(), beat, append(), beat, old(), append(batch, -1));
    release();
    await expect.poll(() => partition().endOffset).toBe(4);
    await expect.poll(() => embedded.listener.status()).toMatchObject(nothing);
  });

  it('are served after a connection reset', async () => {
    client.socket.write(Buffer.concat([old(), ...Array.from({ length: MANY }, () => append())]));
    await expect.poll(written).toBe(batch.length);
    client.socket.resetAndDestroy();
    await client.closed;
    release();
    await expect.poll(() => partition().endOffset).toBe(1 + MANY);
    await expect.poll(() => embedded.listener.status()).toMatchObject(nothing);
  });

  it('are dropped behind a request that closes the connection', async () => {
    const wrong = append();
    wrong.writeInt16BE(999, 4);
    await sendAndLeave(old(), append(), wrong, append());
    release();
    await expect.poll(() => embedded.listener.status()).toMatchObject(nothing);
    expect(partition().endOffset).toBe(2);
  });

  it('do not keep the listener from closing', async () => {
    await sendAndLeave(old(), append());
    const closing = embedded.app.close();
    release();
    await closing;
    expect(embedded.listener.status()).toMatchObject(nothing);
  });
});
