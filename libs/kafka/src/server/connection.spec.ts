import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { fetch } from '../protocol/apis/fetch.js';
import { metadata } from '../protocol/apis/metadata.js';
import { Reader } from '../protocol/wire/reader.js';
import type { KafkaOptions } from '../options.js';

const poll = (partitions: { index: number; fetchOffset: number }[], maxWaitMs: number) => ({
  maxWaitMs,
  minBytes: 1,
  topics: [{ name: 't', partitions: partitions.map((one) => ({ ...one, maxBytes: 1_000_000 })) }],
});

describe('a connection', () => {
  let embedded: Embedded;
  const clients: RawClient[] = [];

  const start = async (options?: KafkaOptions) => {
    embedded = await embed(options, { topics: [{ name: 't' }] });
  };
  const connect = async () => {
    const client = await RawClient.connect(embedded.port);
    clients.push(client);
    return client;
  };
  /** Checks that the broker still serves requests. */
  const works = async () => {
    const answer = await (await connect()).call(metadata, 12, { topics: null });
    expect(answer.topics.map(({ name }) => name)).toEqual(['t']);
  };

  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await embedded.app.close();
  });

  it('answers pipelined requests in order, even if they arrive byte by byte', async () => {
    await start();
    const client = await connect();
    const requests = [5, 6, 7].map((id) =>
      encodeRequest(apiVersions, 3, id, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }),
    );
    const answers = requests.map(() => client.frame());
    for (const byte of Buffer.concat(requests)) client.socket.write(Buffer.from([byte]));
    expect((await Promise.all(answers)).map((frame) => frame.readInt32BE(0))).toEqual([5, 6, 7]);
  });

  it('answers a too new ApiVersions in version 0, with the versions served', async () => {
    await start();
    const client = await connect();
    const request = encodeRequest(apiVersions, 3, 9, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    request.writeInt16BE(77, 6);
    const answer = client.frame();
    client.socket.write(request);
    const reader = new Reader(await answer);
    expect(reader.int32()).toBe(9);
    const { errorCode, apiKeys } = apiVersions.responseCodec(0).decode(reader);
    expect(errorCode).toBe(35);
    expect(apiKeys).toContainEqual({ apiKey: 18, minVersion: 0, maxVersion: 4 });
    expect(await client.call(apiVersions, 0, {})).toMatchObject({ errorCode: 0 });
  });

  it.each([
    ['an unknown API', (request: Buffer) => request.writeInt16BE(999, 4)],
    ['an unknown version', (request: Buffer) => request.writeInt16BE(99, 6)],
    ['a length of two gigabytes', (request: Buffer) => request.writeInt32BE(0x7fffffff, 0)],
    ['a negative length', (request: Buffer) => request.writeInt32BE(-1, 0)],
    ['a length too short for a header', (request: Buffer) => request.writeInt32BE(3, 0)],
    ['a client id that does not end', (request: Buffer) => request.writeInt16BE(0x7fff, 12)],
    ['HTTP', (request: Buffer) => request.write('GET / HTTP/1.1\r\n\r\n')],
  ])('is closed on %s, and others continue', async (_name, damage) => {
    await start();
    const client = await connect();
    const request = encodeRequest(metadata, 1, 1, { topics: null });
    damage(request);
    client.socket.write(request);
    await client.closed;
    await works();
  });

  it('is closed after a partial request, and when idle', async () => {
    await start({ transferTimeoutMs: 30, idleTimeoutMs: 30 });
    const half = await connect();
    half.socket.write(encodeRequest(metadata, 1, 1, { topics: null }).subarray(0, 9));
    const idle = await connect();
    await Promise.all([half.closed, idle.closed]);
    const nothing = { connections: 0, requestBytes: 0, answerBytes: 0 };
    await expect.poll(() => embedded.listener.status()).toMatchObject(nothing);
  });

  it('waits with a large request while others fill the memory, and releases its own', async () => {
    await start({ maxRequestBytes: 64 * 1024, maxInflightBytes: 64 * 1024 });
    const names = Array.from({ length: 5_000 }, (_, i) => `name${i}`);
    const large = encodeRequest(metadata, 12, 1, {
      topics: names.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    }).subarray(0, 40_000);
    large.writeInt32BE(60_000, 0);
    const hoarder = await connect();
    hoarder.socket.write(large);
    await expect.poll(() => embedded.listener.status().requestBytes).toBe(64 * 1024);
    const other = await connect();
    const topics = names.slice(0, 3_000).map((name) => ({ name }));
    const answer = other.call(metadata, 1, { topics, allowAutoTopicCreation: false });
    await works();
    hoarder.end();
    expect((await answer).topics).toHaveLength(3_000);
    await expect.poll(() => embedded.listener.status().requestBytes).toBe(0);
  });

  it('is refused above the limit of connections', async () => {
    await start({ maxConnections: 2 });
    const [first] = [await connect(), await connect()];
    await first.call(apiVersions, 0, {});
    await (
      await connect()
    ).closed;
    expect(embedded.listener.status().refusedConnections).toEqual({ limit: 1, tls: 0 });
    first.end();
    await expect.poll(() => embedded.listener.status().connections).toBe(1);
    await works();
  });

  it('waits in a long poll until there is data, without blocking others', async () => {
    await start();
    const client = await connect();
    const answer = client.call(fetch, 12, poll([{ index: 0, fetchOffset: 0 }], 60_000));
    await works();
    await embedded.topics.publish('t', { value: 'x' });
    const [topic] = (await answer).topics;
    expect(topic!.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 1 });
    expect(topic!.partitions[0]!.records!.length).toBeGreaterThan(61);
  });

  it('gets an error in a poll at once, without null records', async () => {
    await start();
    const client = await connect();
    for (const version of [4, 11, 12]) {
      const { topics } = await client.call(fetch, version, poll([{ index: 0, fetchOffset: 99 }], 60_000));
      expect(topics[0]!.partitions[0]).toMatchObject({ errorCode: 1, records: Buffer.alloc(0) });
    }
    const { topics } = await client.call(fetch, 11, poll([{ index: 8, fetchOffset: 0 }], 60_000));
    expect(topics[0]!.partitions[0]!.errorCode).toBe(3);
  });

  it('ends a poll when the client disconnects, and when the application stops', async () => {
    await start();
    const gone = await connect();
    gone.call(fetch, 12, poll([{ index: 0, fetchOffset: 0 }], 60_000)).catch(() => {});
    await expect.poll(() => embedded.listener.status().connections).toBe(1);
    gone.end();
    await expect.poll(() => embedded.listener.status().connections).toBe(0);
    const waiting = await connect();
    const answer = waiting.call(fetch, 12, poll([{ index: 0, fetchOffset: 0 }], 60_000));
    await embedded.app.close();
    await answer.catch(() => {});
    await waiting.closed;
  });
});
