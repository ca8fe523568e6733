import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpTransport } from './http-transport.js';
import { genrocks } from '../__fixtures__/cli.js';

const answer = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;

describe('a client of something that is no broker', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    server = createServer((socket) => {
      socket.on('error', () => {});
      onConnection(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const onRequest = (bytes: string) => (socket: Socket) => {
    socket.once('data', () => socket.end(bytes));
  };

  it.each<[string, (socket: Socket) => void]>([
    ['closes at once', (socket) => socket.end()],
    ['resets at once', (socket) => socket.resetAndDestroy()],
    ['closes on a request', onRequest('')],
    ['speaks first, and something else', (socket) => socket.end('SSH-2.0-x\r\n')],
    ['speaks something else', onRequest('\0\0\0\x06')],
    ['breaks off within its answer', onRequest('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{')],
  ])('says so, and that it may work later, where it %s', async (_, behave) => {
    const ran = await genrocks(['topic', 'list', '--url', await listen(behave)]);
    expect(ran.err).toMatch(
      /^genrocks: CONNECTION_FAILED: no answer from a broker at http:.* \([\w ]+\); start/,
    );
    expect(ran.code).toBe(3);
  });

  it.each([
    ['200 OK', '<html>'],
    ['200 OK', '{}'],
    ['200 OK', 'null'],
    ['200 OK', '{"topics": {"length": 1}}'],
    ['302 Found', ''],
    ['401 Unauthorized', ''],
    ['404 Not Found', 'null'],
  ])('says so where it answers %s with %s', async (status, body) => {
    const ran = await genrocks(['topic', 'list', '--url', await listen(onRequest(answer(status, body)))]);
    expect(ran).toMatchObject({ code: 1, out: '' });
    expect(ran.err).toMatch(
      /^genrocks: UNEXPECTED_ANSWER: the answer \(status \d+: ".*"\) does not come from a GenRocks broker/,
    );
  });

  it('lets its caller break off what is not answered', async () => {
    const reason = new Error('enough');
    const breakOff = new AbortController();
    const url = await listen((socket) => {
      socket.once('data', () => breakOff.abort(reason));
    });
    const sent = new HttpTransport(url).send({ method: 'GET', path: 'v1/topics', signal: breakOff.signal });
    await expect(sent).rejects.toBe(reason);
  });
});
