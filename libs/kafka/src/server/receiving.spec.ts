import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import { makeBatch } from '../__fixtures__/batch.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { produce } from '../protocol/apis/produce.js';
import { receive, type Receiver } from './receiving.js';

/** Collects received bytes; offers `body` as the place of the first ones. */
class Keeper implements Receiver {
  readonly body = Buffer.alloc(100_000);
  filled = 0;
  direct = 0;
  rest = Buffer.alloc(0);

  get room(): Buffer | undefined {
    return this.filled < this.body.length ? this.body.subarray(this.filled) : undefined;
  }

  received(bytes: Buffer): void {
    const isDirect = bytes.buffer === this.body.buffer;
    const used = isDirect ? bytes.length : bytes.copy(this.body, this.filled);
    if (isDirect) this.direct += used;
    this.filled += used;
    this.rest = Buffer.concat([this.rest, bytes.subarray(used)]);
  }

  get all(): Buffer {
    return Buffer.concat([this.body.subarray(0, this.filled), this.rest]);
  }
}

describe('a connection whose bytes are read directly into the receiver', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  async function accept(prepare: (accepted: Socket) => void = () => {}) {
    server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    prepare(accepted);
    const keeper = new Keeper();
    const socket = receive(accepted, keeper);
    return { client, accepted, keeper, socket };
  }

  it.each([
    ['by its own socket', () => {}],
    ['by the accepted one, where Node does not let it move', hideHandle],
  ])('has all of them, pauses, answers and ends as any other: %s', async (_name, prepare) => {
    const { client, accepted, keeper, socket } = await accept(prepare);
    const sent = Buffer.from(Array.from({ length: 250_000 }, (_, i) => i % 241));
    client.write(sent.subarray(0, 200_000));
    await expect.poll(() => keeper.all.length).toBe(200_000);
    socket.pause();
    client.write(sent.subarray(200_000));
    socket.write('read so far');
    expect(String((await once(client, 'data'))[0])).toBe('read so far');
    expect(keeper.all.length).toBe(200_000);
    socket.resume();
    await expect.poll(() => keeper.all.length).toBe(250_000);
    expect(keeper.all.equals(sent)).toBe(true);
    expect(keeper.direct).toBe(socket === accepted ? 0 : 100_000);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    const closed = once(socket, 'close');
    client.end();
    await closed;
    // The server no longer counts the connection as open.
    const connections = () =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    await expect.poll(connections).toBe(0);
  });

  it('is moved to a new socket on the current Node', async () => {
    const { client, accepted, socket } = await accept();
    expect(socket).not.toBe(accepted);
    client.destroy();
    await once(socket, 'close');
  });
});

function hideHandle(accepted: Socket): void {
  const { _handle } = accepted as Socket & { _handle: object };
  Object.defineProperty(_handle, 'useUserBuffer', { value: undefined });
}

describe('batches of several clients that share buffers', () => {
  let embedded: Embedded;
  const clients: RawClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.end();
    await embedded.app.close();
  });

  it('are stored as sent, while other clients connect and leave in the middle of a request', async () => {
    const partitions = 3;
    // So small that requests also wait for each other's memory.
    const limits = { maxRequestBytes: 256 * 1024, maxInflightBytes: 256 * 1024 };
    embedded = await embed(limits, { topics: [{ name: 't', partitions }] });
    const batches: Buffer[] = [];
    for (const count of [3000, 700, 1, 1800]) batches.push(await makeBatch(embedded.topics, count));
    const requestFor = (index: number, records: Buffer, id: number) =>
      encodeRequest(produce, 9, id, {
        acks: -1,
        timeoutMs: 1000,
        topics: [{ name: 't', partitions: [{ index, records }] }],
      });
    const lines = await Promise.all(
      Array.from({ length: partitions }, async (_, index) => {
        const client = await RawClient.connect(embedded.port);
        const leaver = await RawClient.connect(embedded.port);
        clients.push(client, leaver);
        const sent = Array.from({ length: 24 }, (_, i) => batches[(i * (index + 1) + index) % 4]!);
        return { index, client, leaver, sent };
      }),
    );
    await Promise.all(
      lines.map(async ({ index, client, leaver, sent }) => {
        const answers = sent.map(() => client.frame());
        // Sent all at once, so that requests queue behind those being stored.
        client.socket.write(Buffer.concat(sent.map((batch, i) => requestFor(index, batch, i))));
        leaver.socket.write(requestFor(index, batches[0]!, 0).subarray(0, 20_000), () => leaver.end());
        await Promise.all(answers);
      }),
    );
    for (const { index, sent } of lines) {
      const partition = embedded.topics.topic('t').partition(index);
      const stored: Buffer[] = [];
      for (let offset = 0; offset < partition.endOffset;) {
        const read = await partition.readBatches({ offset });
        stored.push(...read.batches);
        offset = read.nextOffset;
      }
      // Compare after the base offset and the leader epoch, which the log sets.
      expect(stored.map((batch, i) => batch.subarray(16).equals(sent[i]!.subarray(16)))).toEqual(
        sent.map(() => true),
      );
    }
    await expect.poll(() => embedded.listener.status().requestBytes).toBe(0);
  });
});
