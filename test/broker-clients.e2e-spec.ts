import { once } from 'node:events';
import { Agent, request as httpRequest, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { BrokerHttpAdapter } from '@genrocks/broker';
import type { LogEntry } from '@genrocks/storage';
import { TopicsService } from '@genrocks/topics';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';
import { post, rawConnection, readToEnd, readUntil } from './broker-raw.js';

const JSON_TYPE = { 'content-type': 'application/json' };

describe.each(ADAPTERS)('slow, broken and many clients of a broker on %s', (adapter) => {
  let broker: RunningBroker;

  beforeAll(async () => {
    broker = await startBroker(adapter, {
      http: { headers_timeout_ms: 500, body_timeout_ms: 500 },
      topics: [{ name: 'alive' }, { name: 'burst', partitions: 4 }],
    });
  });

  afterAll(() => broker.close());

  it('ends connections whose headers or bodies never come', async () => {
    const silent = await rawConnection(broker.port);
    const headers = await rawConnection(broker.port);
    headers.write('POST /v1/topics HTTP/1.1\r\nhost: x\r\nx-slow: ');
    const body = await rawConnection(broker.port);
    body.write(post('/v1/topics', { ...JSON_TYPE, 'content-length': 100 }, '{"na'));
    const bulk = await rawConnection(broker.port);
    bulk.write(
      post(
        '/v1/topics/alive/messages',
        { 'content-type': 'application/x-ndjson', 'content-length': 99 },
        '{"val',
      ),
    );
    const answers = await Promise.all([silent, headers, body, bulk].map(readToEnd));
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answers[2]).toContain('BODY_TIMEOUT');
  });

  it('ends a JSON body that comes byte by byte: the time is for all of it', async () => {
    const socket = await rawConnection(broker.port);
    const answer = readToEnd(socket);
    const head = { ...JSON_TYPE, 'content-length': 1_000_000 };
    socket.write(post('/v1/topics', head, '{'));
    const trickle = setInterval(() => socket.writable && socket.write(' '), 10);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [^]*BODY_TIMEOUT/);
    clearInterval(trickle);
  });

  it('does not hold it against a client that the process was held up itself', async () => {
    const server: Server = broker.app.getHttpServer();
    const accepted = once(server, 'connection');
    const headers = await rawConnection(broker.port);
    await accepted;
    const requested = once(server, 'request');
    const body = await rawConnection(broker.port);
    const message = '{"value":"whole"}';
    const head = { ...JSON_TYPE, connection: 'close', 'content-length': message.length };
    body.write(post('/v1/topics/alive/messages', head, message.slice(0, 5)));
    await requested;
    await new Promise(setImmediate);
    // Both clients send in time, but the process does not come to reading it.
    const answers = [headers, body].map(readToEnd);
    headers.write('GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    body.write(message.slice(5));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100);
    expect(await answers[0]).toMatch(/^HTTP\/1\.1 200 /);
    expect(await answers[1]).toMatch(/^HTTP\/1\.1 201 /);
  });

  it.each([
    ['nonsense\r\n\r\n', 400],
    ['GET / HTTP/9.9\r\n\r\n', 400],
    ['GET /health/live HTTP/1.1\r\n\r\n', 400],
    [`GET /health/live HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['POST /v1/topics HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n', 400],
    ['POST /v1/topics HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}', 400],
  ])('answers %j with a status', async (bytes, status) => {
    const socket = await rawConnection(broker.port);
    const answer = readToEnd(socket);
    socket.write(bytes);
    expect(await answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  it('lets go of a long poll when its client goes away', async () => {
    const socket = await rawConnection(broker.port);
    socket.write(
      'GET /v1/topics/alive/partitions/0/messages?offset=latest&wait_ms=60000 HTTP/1.1\r\nhost: x\r\n\r\n',
    );
    socket.destroy();
    const again = await rawConnection(broker.port);
    again.write('GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await readToEnd(again)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('ends the reading of a log when its client goes away', async () => {
    const partition = broker.app.get(TopicsService).topic('alive').partition(0);
    const socket = await rawConnection(broker.port);
    const { answers } = broker.app.getHttpAdapter() as unknown as BrokerHttpAdapter;
    const all = 100_000;
    let pages = 0;
    let ended = () => {};
    const end = new Promise<void>((resolve) => (ended = resolve));
    // Each page is there at once, as in memory.
    const reading = vi.spyOn(partition, 'readLog').mockImplementation(async function* () {
      try {
        while (++pages < all) {
          if (pages === 3) socket.destroy();
          yield [{ type: 'delete', key: Buffer.alloc(8) } as LogEntry];
        }
      } finally {
        ended();
      }
    });
    try {
      socket.write(
        `GET /v1/topics/alive/partitions/0/log?skip=${Number.MAX_SAFE_INTEGER - 2000} HTTP/1.1\r\nhost: x\r\n\r\n`,
      );
      await end;
      expect(pages).toBeLessThan(all);
      await expect.poll(() => answers.inUse).toBe(0);
    } finally {
      reading.mockRestore();
    }
  });

  it('answers requests that come in one packet, in order', async () => {
    const socket = await rawConnection(broker.port);
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`;
    socket.write(get('/health/live') + get('/nowhere') + get('/health/live', 'connection: close\r\n'));
    const answer = await readUntil(socket, /(HTTP\/1\.1 \d+[^]*){3}/);
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '200',
      '404',
      '200',
    ]);
  });

  it('answers 10,000 small requests sent at once, and loses none', async () => {
    const count = 10_000;
    const agent = new Agent({ keepAlive: true, maxSockets: 1000 });
    const publish = (i: number) =>
      send(broker.port, agent, '/v1/topics/burst/messages', JSON.stringify({ key: `k${i}`, value: i }));
    const statuses = await Promise.all(Array.from({ length: count }, (_, i) => publish(i)));
    agent.destroy();
    expect(statuses.filter((status) => status !== 201)).toEqual([]);
    const answer = await broker.http.get('/v1/topics/burst').expect(200);
    const { partitions } = answer.body as { partitions: { end_offset: number }[] };
    const ends = partitions.map(({ end_offset }) => end_offset);
    expect(ends.reduce((sum, end) => sum + end, 0)).toBe(count);
  });
});

function send(port: number, agent: Agent, path: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) };
    const outgoing = httpRequest(
      { port, host: '127.0.0.1', path, method: 'POST', agent, headers },
      (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode!));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
