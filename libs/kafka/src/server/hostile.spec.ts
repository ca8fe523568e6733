import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import { apiVersions } from '../protocol/apis/api-versions.js';
import { metadata } from '../protocol/apis/metadata.js';
import { saslHandshake } from '../protocol/apis/sasl-handshake.js';

const KiB = 1024;

describe('hostile clients', () => {
  let embedded: Embedded;
  const clients: RawClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await embedded.app.close();
  });

  const connect = async (count: number) => {
    const connected: RawClient[] = [];
    while (connected.length < count) {
      const some = Math.min(100, count - connected.length);
      connected.push(
        ...(await Promise.all(Array.from({ length: some }, () => RawClient.connect(embedded.port)))),
      );
    }
    clients.push(...connected);
    return connected;
  };
  const works = async () => {
    const [client] = await connect(1);
    expect((await client!.call(metadata, 12, { topics: null })).topics).toHaveLength(1);
  };
  /** The start of a request that announces this many bytes. */
  const announce = (bytes: number, sent: number) => {
    const frame = Buffer.alloc(4 + sent);
    frame.writeInt32BE(bytes);
    return frame;
  };

  it('by the thousand do not affect other clients', async () => {
    embedded = await embed({}, { topics: [{ name: 't' }] });
    const many = await connect(2_000);
    const answers = await Promise.all(many.map((client) => client.call(apiVersions, 0, {})));
    expect(answers.every(({ errorCode }) => errorCode === 0)).toBe(true);
    await works();
    for (const client of many) client.end();
    await expect.poll(() => embedded.listener.status().connections).toBeLessThan(2);
  });

  it('that announce large requests but do not complete them get no more than the budget', async () => {
    const maxInflightBytes = 1024 * KiB;
    embedded = await embed(
      { maxRequestBytes: 512 * KiB, maxInflightBytes, transferTimeoutMs: 2_000 },
      { topics: [{ name: 't' }] },
    );
    const many = await connect(300);
    for (const client of many) client.socket.write(announce(500 * KiB, 50 * KiB));
    await expect.poll(() => embedded.listener.status().requestBytes).toBeGreaterThan(900 * KiB);
    expect(embedded.listener.status().requestBytes).toBeLessThanOrEqual(maxInflightBytes);
    // Small requests never wait for the budget.
    await works();
    for (const client of many) client.socket.write('x');
    for (const client of many) client.end();
    await expect.poll(() => embedded.listener.status().requestBytes).toBe(0);
    await works();
  });

  it('are closed if their request takes too long, however steadily its bytes arrive', async () => {
    embedded = await embed({ transferTimeoutMs: 100 }, { topics: [{ name: 't' }] });
    const [slow] = await connect(1);
    const request = encodeRequest(metadata, 1, 1, { topics: null });
    let at = 0;
    const drip = setInterval(() => slow!.socket.write(request.subarray(at, ++at)), 30);
    await slow!.closed;
    clearInterval(drip);
    expect(at).toBeLessThan(request.length);
    await works();
  });

  it('that have not logged in get small requests only, and no other API', async () => {
    embedded = await embed({ users: { al: 'pw' } });
    const [large, early, guessing] = await connect(3);
    large!.socket.write(announce(17 * KiB, 8));
    early!.socket.write(encodeRequest(metadata, 1, 1, { topics: null }));
    await Promise.all([large!.closed, early!.closed]);
    expect((await guessing!.call(saslHandshake, 1, { mechanism: 'nonsense' })).errorCode).toBe(33);
  });

  it('that send many requests and read no answers are closed', async () => {
    const topics = Array.from({ length: 10 }, (_, i) => ({ name: `t${i}`, partitions: 200 }));
    embedded = await embed({ transferTimeoutMs: 300 }, { topics });
    const [client] = await connect(1);
    client!.socket.pause();
    const request = encodeRequest(metadata, 1, 1, { topics: null });
    for (let i = 0; i < 1_000; i++) client!.socket.write(request);
    await expect.poll(() => embedded.listener.status().answerBytes).toBeGreaterThan(0);
    await expect
      .poll(() => embedded.listener.status())
      .toMatchObject({
        connections: 0,
        requestBytes: 0,
        answerBytes: 0,
      });
  });
});
