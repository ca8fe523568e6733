/* eslint-disable @typescript-eslint/no-unsafe-member-access -- supertest gives bodies as any */
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';
import { post, rawConnection, readToEnd, readUntil } from './broker-raw.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const MB = 1024 * 1024;

describe.each(ADAPTERS)('bad input to a broker on %s', (adapter) => {
  let broker: RunningBroker;

  beforeAll(async () => {
    broker = await startBroker(adapter, {
      http: { max_body_bytes: '1MB', max_line_bytes: '64KB', headers_timeout_ms: 500, body_timeout_ms: 500 },
      limits: { max_topics: 50 },
    });
  });

  // Whatever was sent: the process answers, and nothing is outside the log directory.
  afterEach(async () => {
    await broker.http.post('/v1/topics/alive/messages').send({ value: 1 }).expect(201);
    const outside = await readdir(dirname(broker.logDir));
    expect(outside.filter((name) => name !== 'log')).toEqual([]);
  });

  afterAll(() => broker.close());

  describe('topic names', () => {
    const HOSTILE = [
      '../x',
      '../../../../tmp/x',
      'a/../../x',
      'a//b',
      '/abs',
      'a/',
      '.',
      '..',
      'nul\0byte',
      'ünïcode',
      '🦄',
      'a b',
      'a\\..\\b',
      'x'.repeat(300),
      'partition_0',
      'a/partition_1/b',
      '%2e%2e%2fx',
      'new\nline',
      'CON:',
    ];

    it.each(HOSTILE)('refuses to create %j', async (name) => {
      const answer = await broker.http.post('/v1/topics').send({ name }).expect(400);
      expect(answer.body.code).toBe('INVALID_TOPIC_NAME');
    });

    it.each(HOSTILE)('refuses to publish to %j', async (name) => {
      const path = `/v1/topics/${encodeURIComponent(name)}/messages`;
      const answer = await broker.http.post(path).send({ value: 1 });
      expect([400, 404]).toContain(answer.status);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      const ndjson = await broker.http
        .post(path)
        .set('content-type', 'application/x-ndjson')
        .send('{"value":1}');
      expect([400, 404]).toContain(ndjson.status);
    });

    it('refuses an empty name and one that is no text', async () => {
      expect((await broker.http.post('/v1/topics').send({ name: '' }).expect(400)).body.code).toBe(
        'INVALID_TOPIC_NAME',
      );
      for (const name of [null, 7, {}, []]) await broker.http.post('/v1/topics').send({ name }).expect(400);
      await broker.http.get('/v1/topics/').expect(404);
    });

    it('refuses reserved names', async () => {
      const answer = await broker.http.post('/v1/topics').send({ name: '__genrocks' }).expect(400);
      expect(answer.body.code).toBe('RESERVED_TOPIC_NAME');
      await broker.http.post('/v1/topics/__genrocks/messages').send({ value: 1 }).expect(400);
      await broker.http.get('/v1/topics/__genrocks/partitions/0/messages').expect(404);
      await broker.http.delete('/v1/topics/__genrocks').expect(404);
    });

    it('refuses traversal in a raw path', async () => {
      for (const path of [
        '/v1/topics/../x/messages',
        '/v1/topics/%2e%2e/messages',
        '/v1/topics/..%5cx/messages',
      ]) {
        const socket = await rawConnection(broker.port);
        socket.write(post(path, { ...JSON_TYPE, 'content-length': 11, connection: 'close' }, '{"value":1}'));
        expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 40[04] /);
      }
    });

    it('answers a path that is not valid percent-encoding, or too long, with a problem', async () => {
      for (const [path, status] of [
        ['/v1/topics/%zz', 400],
        ['/v1/topics/%', 400],
        [`/v1/topics/${'x'.repeat(5000)}`, 414],
      ] as const) {
        const socket = await rawConnection(broker.port);
        socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
        const answer = await readToEnd(socket);
        expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
        expect(answer).toContain('application/problem+json');
      }
    });
  });

  describe('bodies', () => {
    it.each([
      ['{"value": 1', 'INVALID_JSON'],
      ['not json', 'INVALID_JSON'],
      ['[]', 'INVALID_REQUEST'],
      ['7', 'INVALID_REQUEST'],
      ['null', 'INVALID_REQUEST'],
      ['{}', 'INVALID_REQUEST'],
      ['{"value":1,"valeu":2}', 'INVALID_REQUEST'],
      ['{"messages":7}', 'INVALID_REQUEST'],
      ['{"messages":[{"value":1},{"val":1}]}', 'INVALID_REQUEST'],
      ['{"value":12345678901234567890}', 'INEXACT_NUMBER'],
      ['{"value":1,"headers":{"a":1}}', 'INVALID_REQUEST'],
      ['{"value":1,"key_base64":"!"}', 'INVALID_REQUEST'],
    ])('refuses %s with %s', async (body, code) => {
      const answer = await broker.http
        .post('/v1/topics/alive/messages')
        .set(JSON_TYPE)
        .send(body)
        .expect(400);
      expect(answer.body.code).toBe(code);
    });

    it('refuses JSON that is nested too deep, on every route', async () => {
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
      for (const [path, body] of [
        ['topics/alive/messages', `{"value":${deep}}`],
        ['topics/alive/messages', `{"value":1,"metadata":{"a":${deep}}}`],
        ['topics', `{"name":"x","storage":{"a":${deep}}}`],
        ['groups/g/offsets', `{"offsets":${deep}}`],
      ]) {
        const answer = await broker.http.post(`/v1/${path}`).set(JSON_TYPE).send(body).expect(400);
        expect(answer.body.code).toBe('INVALID_JSON');
      }
    });

    it('refuses compressed bodies', async () => {
      const answer = await broker.http
        .post('/v1/topics/alive/messages')
        .set({ ...JSON_TYPE, 'content-encoding': 'gzip' })
        .send('{"value":1}')
        .expect(415);
      expect(answer.body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    });

    it('stores nothing of a batch with one bad message', async () => {
      await broker.http.post('/v1/topics').send({ name: 'whole' });
      await broker.http
        .post('/v1/topics/whole/messages')
        .send({ messages: [{ value: 1 }, {}] })
        .expect(400);
      const page = await broker.http.get('/v1/topics/whole/partitions/0/messages').expect(200);
      expect(page.body.messages).toEqual([]);
    });

    it('refuses other content types, and none', async () => {
      const path = '/v1/topics/alive/messages';
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'nonsense',
      ]) {
        const answer = await broker.http.post(path).set('content-type', type).send('value=1').expect(415);
        expect(answer.body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
      }
      await broker.http.post(path).expect(400);
      await broker.http
        .post('/v1/topics')
        .set('content-type', 'application/x-ndjson')
        .send('{"name":"x"}')
        .expect(400);
    });

    it('refuses a message larger than the limit', async () => {
      const value = 'x'.repeat(MB - 1000);
      const large = await broker.http
        .post('/v1/topics/alive/messages')
        .send({ value, headers: { a: 'x'.repeat(990) } });
      expect([201, 413]).toContain(large.status);
      const huge = await broker.http
        .post('/v1/topics/alive/messages')
        .send({ value: 'x'.repeat(MB) })
        .expect(413);
      expect(huge.body).toMatchObject({
        code: 'BODY_TOO_LARGE',
        details: { limit_name: 'http.max_body_bytes' },
      });
    });

    it('tells a client that goes away in the middle of a JSON body nothing was stored', async () => {
      await broker.http.post('/v1/topics').send({ name: 'cut' });
      const socket = await rawConnection(broker.port);
      const answer = readToEnd(socket);
      socket.end(post('/v1/topics/cut/messages', { ...JSON_TYPE, 'content-length': 100 }, '{"value": 1'));
      expect(await answer).toMatch(/^HTTP\/1\.1 400 [^]*BODY_INCOMPLETE/);
      const gone = await rawConnection(broker.port);
      gone.write(post('/v1/topics/cut/messages', { ...JSON_TYPE, 'content-length': 100 }, '{"value": 1'));
      gone.destroy();
      const page = await broker.http.get('/v1/topics/cut/partitions/0/messages').expect(200);
      expect(page.body.messages).toEqual([]);
    });

    it('refuses a 100 MB body without keeping it, declared or in chunks', async () => {
      for (const declared of [true, false]) {
        const before = process.memoryUsage().rss;
        const { status, text } = await upload(broker.port, 100 * MB, declared);
        expect(status).toBe(413);
        expect(JSON.parse(text)).toMatchObject({ code: 'BODY_TOO_LARGE', details: { limit: MB } });
        expect(process.memoryUsage().rss - before).toBeLessThan(80 * MB);
      }
    });

    it('refuses an NDJSON line that is too long and keeps what came before', async () => {
      await broker.http.post('/v1/topics').send({ name: 'long-line' });
      const answer = await broker.http
        .post('/v1/topics/long-line/messages')
        .set('content-type', 'application/x-ndjson')
        .send(`{"value":1}\n{"value":"${'x'.repeat(100_000)}"}\n{"value":3}`)
        .expect(413);
      expect(answer.body).toMatchObject({
        code: 'BODY_TOO_LARGE',
        details: { acknowledged: { count: 1 }, limit_name: 'http.max_line_bytes' },
      });
    });

    it('keeps what was stored of an NDJSON upload that breaks off', async () => {
      await broker.http.post('/v1/topics').send({ name: 'broken-off' });
      const socket = await rawConnection(broker.port);
      const headers = { 'content-type': 'application/x-ndjson', 'content-length': 1000 };
      socket.write(post('/v1/topics/broken-off/messages', headers, '{"value":1}\n{"val'));
      const page = await broker.http
        .get('/v1/topics/broken-off/partitions/0/messages?wait_ms=10000')
        .expect(200);
      expect(page.body.messages).toMatchObject([{ value: 1 }]);
      socket.destroy();
    });
  });

  describe('limits', () => {
    it('refuses one topic too many, also by publishing', async () => {
      const answers = [];
      for (let i = 0; i < 60; i++) {
        answers.push(await broker.http.post(`/v1/topics/many-${i}/messages`).send({ value: i }));
      }
      expect(answers.at(-1)).toMatchObject({ status: 409, body: { code: 'LIMIT_REACHED' } });
    });

    it('answers unknown routes with a problem', async () => {
      for (const answer of await Promise.all([
        broker.http.get('/nowhere'),
        broker.http.get('/v1'),
        broker.http.post('/v1/topics/alive/explode'),
      ])) {
        expect(answer.status).toBe(404);
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
        expect(answer.body).toMatchObject({ code: 'NOT_FOUND', retriable: false });
      }
    });

    it.each([
      ['no host', 'GET /v1/topics HTTP/1.1\r\n\r\n', 400, 'INVALID_REQUEST'],
      [
        'an unknown expectation',
        'GET /v1/topics HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n',
        417,
        'EXPECTATION_FAILED',
      ],
    ])('answers a request with %s with a problem', async (_what, text, status, code) => {
      const socket = await rawConnection(broker.port);
      const answer = readUntil(socket, /\}$/);
      socket.write(text);
      expect(await answer).toMatch(
        new RegExp(`^HTTP/1.1 ${status} [^]*application/problem\\+json[^]*"code":"${code}"`),
      );
      socket.destroy();
    });

    it('asks for no host where HTTP/1.0 is spoken', async () => {
      const socket = await rawConnection(broker.port);
      const answer = readToEnd(socket);
      socket.write('GET /health/live HTTP/1.0\r\n\r\n');
      expect(await answer).toMatch(/^HTTP\/1.1 200 /);
    });

    it('names the methods of a path that is there', async () => {
      const put = await broker.http.put('/v1/topics/alive').send({ any: 1 }).expect(405);
      expect(put.headers['allow']).toBe('DELETE, GET, HEAD');
      expect(put.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(put.body).toMatchObject({ code: 'METHOD_NOT_ALLOWED', retriable: false });
      const patch = await broker.http.patch('/v1/groups?x=1').expect(405);
      expect(patch.headers['allow']).toBe('GET, HEAD');
    });
  });
});

/** Sends a body piece by piece, as far as the broker lets it, and returns the answer. */
function upload(port: number, bytes: number, declared: boolean): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { ...JSON_TYPE, ...(declared ? { 'content-length': bytes } : {}) };
    const path = '/v1/topics/alive/messages';
    const outgoing = httpRequest({ port, host: '127.0.0.1', path, method: 'POST', headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('end', () => {
        outgoing.destroy();
        resolve({ status: answer.statusCode!, text });
      });
    });
    outgoing.on('error', reject);
    const piece = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    const pump = () => {
      while (sent < bytes) {
        sent += piece.length;
        if (!outgoing.write(piece)) {
          outgoing.once('drain', pump);
          return;
        }
      }
      outgoing.end();
    };
    pump();
  });
}
