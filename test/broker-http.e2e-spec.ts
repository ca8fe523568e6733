/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment -- supertest gives bodies as any */
import type { BrokerHttpAdapter } from '@genrocks/broker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';

describe.each(ADAPTERS)('broker over HTTP on %s', (adapter) => {
  let broker: RunningBroker;
  let names = 0;
  const newName = () => `topic-${++names}`;

  beforeAll(async () => {
    broker = await startBroker(adapter);
  });

  afterAll(() => broker.close());

  async function publish(topic: string, messages: object[]): Promise<void> {
    await broker.http
      .post(`/v1/topics/${encodeURIComponent(topic)}/messages`)
      .send({ messages })
      .expect(201);
  }

  describe('topics', () => {
    it('creates, lists, describes and deletes a topic', async () => {
      const name = newName();
      const created = await broker.http.post('/v1/topics').send({ name, partitions: 3 }).expect(201);
      expect(created.body).toMatchObject({ name, partition_count: 3, state: 'running', routing: 'key_hash' });
      expect(created.body.partitions).toHaveLength(3);
      expect(created.body.partitions[0]).toMatchObject({
        partition: 0,
        start_offset: 0,
        end_offset: 0,
        state: 'open',
      });

      const again = await broker.http.post('/v1/topics').send({ name, partitions: 3 }).expect(200);
      expect(again.body.id).toBe(created.body.id);
      await broker.http.post('/v1/topics').send({ name, partitions: 4 }).expect(409);

      const list = await broker.http.get('/v1/topics').expect(200);
      expect(list.body.topics.map((topic: { name: string }) => topic.name)).toContain(name);
      const described = await broker.http.get(`/v1/topics/${name}`).expect(200);
      expect(described.body.partitions[2]).toMatchObject({ partition: 2, items: 0 });

      await broker.http.delete(`/v1/topics/${name}`).expect(204);
      const gone = await broker.http.get(`/v1/topics/${name}`).expect(404);
      expect(gone.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(gone.body).toMatchObject({ code: 'TOPIC_NOT_FOUND', status: 404, retriable: false });
    });

    it('takes names with "/" percent-encoded', async () => {
      await broker.http.post('/v1/topics').send({ name: 'shop/orders' }).expect(201);
      await broker.http.post('/v1/topics/shop%2Forders/messages').send({ value: 1 }).expect(201);
      const page = await broker.http.get('/v1/topics/shop%2Forders/partitions/0/messages').expect(200);
      expect(page.body).toMatchObject({ topic: 'shop/orders', messages: [{ value: 1 }] });
      await broker.http.delete('/v1/topics/shop%2Forders').expect(204);
    });

    it('refuses wrong bodies with every mistake', async () => {
      const answer = await broker.http.post('/v1/topics').send({ nam: 'x', partitions: 'many' }).expect(400);
      expect(answer.body.code).toBe('INVALID_REQUEST');
      expect(answer.body.problems).toHaveLength(3);
      await broker.http.post('/v1/topics').expect(400);
      const unknown = await broker.http
        .post('/v1/topics')
        .send({ name: 'x', storage: { adapter: 'floppy' } });
      expect(unknown.status).toBe(400);
      expect(unknown.body.problems[0]).toMatch(/^storage\.adapter: "floppy" is not allowed/);
    });

    it('truncates without letting offsets go back', async () => {
      const name = newName();
      await publish(name, [{ value: 1 }, { value: 2 }]);
      const truncated = await broker.http.post(`/v1/topics/${name}/truncate`).expect(200);
      expect(truncated.body.partitions[0]).toMatchObject({ start_offset: 2, end_offset: 2 });
      const next = await broker.http.post(`/v1/topics/${name}/messages`).send({ value: 3 }).expect(201);
      expect(next.body.offset).toBe(2);
      const gone = await broker.http.get(`/v1/topics/${name}/partitions/0/messages?offset=0`).expect(416);
      expect(gone.body).toMatchObject({
        code: 'OFFSET_OUT_OF_RANGE',
        details: { start_offset: 2, end_offset: 3 },
      });
    });

    it.each(['optimize', 'sync'])('answers %s with the topic', async (action) => {
      const name = newName();
      await publish(name, [{ value: 1 }]);
      const answer = await broker.http.post(`/v1/topics/${name}/${action}`).expect(200);
      expect(answer.body).toMatchObject({ name, partitions: [{ end_offset: 1 }] });
      await broker.http.post(`/v1/topics/${newName()}/${action}`).expect(404);
    });
  });

  describe('publishing and reading', () => {
    it('stores one message and gives back every part of it', async () => {
      const name = newName();
      const message = {
        key: 'ключ',
        value: { text: 'žluťoučký 🦄', list: [1, 2.5, null, true], nested: { '': '' } },
        headers: { source: 'shop' },
        headers_base64: { bytes: '/w==' },
        timestamp: 1_700_000_000_000,
        metadata: { user: 7 },
      };
      const stored = await broker.http.post(`/v1/topics/${name}/messages`).send(message).expect(201);
      expect(stored.body).toEqual({ topic: name, partition: 0, offset: 0, timestamp: message.timestamp });
      const page = await broker.http.get(`/v1/topics/${name}/partitions/0/messages`).expect(200);
      expect(page.body).toEqual({
        topic: name,
        partition: 0,
        messages: [{ topic: name, partition: 0, offset: 0, ...message }],
        next_offset: 1,
        start_offset: 0,
        end_offset: 1,
      });
    });

    it.each([null, false, 0, -1.5, '', 'text', [], {}, { a: { b: [{}] } }, '"', '\u0000', '\ud800'])(
      'brings the JSON value %j through unchanged',
      async (value) => {
        const name = newName();
        await broker.http.post(`/v1/topics/${name}/messages`).send({ value }).expect(201);
        const page = await broker.http.get(`/v1/topics/${name}/partitions/0/messages`).expect(200);
        expect(page.body.messages[0].value).toEqual(value);
      },
    );

    it('brings bytes through unchanged', async () => {
      const name = newName();
      const bytes = Buffer.from([0, 255, 254, 10, 13]).toString('base64');
      await broker.http
        .post(`/v1/topics/${name}/messages`)
        .send({ key_base64: bytes, value_base64: bytes })
        .expect(201);
      const page = await broker.http.get(`/v1/topics/${name}/partitions/0/messages`).expect(200);
      expect(page.body.messages[0]).toMatchObject({ key_base64: bytes, value_base64: bytes });
      expect(page.body.messages[0]).not.toHaveProperty('value');
    });

    it('stores many in one request and says where', async () => {
      const name = newName();
      await broker.http.post('/v1/topics').send({ name, partitions: 4 }).expect(201);
      const messages = Array.from({ length: 200 }, (_, i) => ({ key: `k${i % 20}`, value: i }));
      const answer = await broker.http.post(`/v1/topics/${name}/messages`).send({ messages }).expect(201);
      expect(answer.body).toMatchObject({ topic: name, count: 200 });
      expect(answer.body.results).toHaveLength(200);
      const seen = new Map<string, number[]>();
      for (const { partition } of answer.body.partitions as { partition: number }[]) {
        const page = await broker.http
          .get(`/v1/topics/${name}/partitions/${partition}/messages?limit=1000`)
          .expect(200);
        for (const { key, value } of page.body.messages) seen.set(key, [...(seen.get(key) ?? []), value]);
      }
      expect(seen.size).toBe(20);
      for (const values of seen.values()) expect(values).toEqual(values.toSorted((a, b) => a - b));
    });

    it('publishes to the partition asked for, and to no other', async () => {
      const name = newName();
      await broker.http.post('/v1/topics').send({ name, partitions: 2 }).expect(201);
      const stored = await broker.http
        .post(`/v1/topics/${name}/messages`)
        .send({ value: 1, partition: 1 })
        .expect(201);
      expect(stored.body.partition).toBe(1);
      const wrong = await broker.http
        .post(`/v1/topics/${name}/messages`)
        .send({ value: 1, partition: 2 })
        .expect(404);
      expect(wrong.body.code).toBe('PARTITION_NOT_FOUND');
      await broker.http.get(`/v1/topics/${name}/partitions/2/messages`).expect(404);
      await broker.http.get(`/v1/topics/${name}/partitions/x/messages`).expect(400);
    });

    it('stores NDJSON line by line', async () => {
      const name = newName();
      const body = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ key: `${i}`, value: { i } })).join(
        '\n',
      );
      const answer = await broker.http
        .post(`/v1/topics/${name}/messages`)
        .set('content-type', 'application/x-ndjson')
        .send(body)
        .expect(201);
      expect(answer.body).toEqual({
        topic: name,
        count: 5000,
        partitions: [{ partition: 0, count: 5000, first_offset: 0, last_offset: 4999 }],
      });
      const page = await broker.http.get(`/v1/topics/${name}/partitions/0/messages?offset=4999`).expect(200);
      expect(page.body.messages).toMatchObject([{ offset: 4999, value: { i: 4999 } }]);
    });

    it('stops an NDJSON upload at a bad line: all before it is stored, nothing after it', async () => {
      const name = newName();
      const answer = await broker.http
        .post(`/v1/topics/${name}/messages`)
        .set('content-type', 'application/x-ndjson')
        .send('{"value":1}\n{"value":2}\n{"value":\n{"value":4}\n')
        .expect(400);
      expect(answer.body).toMatchObject({
        code: 'INVALID_JSON',
        details: { line: 3, acknowledged: { count: 2, partitions: [{ partition: 0, last_offset: 1 }] } },
      });
      const page = await broker.http.get(`/v1/topics/${name}/partitions/0/messages`).expect(200);
      expect(page.body.messages.map(({ value }: { value: number }) => value)).toEqual([1, 2]);
    });

    it('reads in pages, from an offset, earliest and latest', async () => {
      const name = newName();
      await publish(
        name,
        Array.from({ length: 25 }, (_, value) => ({ value })),
      );
      const path = `/v1/topics/${name}/partitions/0/messages`;
      const values: number[] = [];
      for (let offset = 0; offset < 25;) {
        const page = await broker.http.get(`${path}?offset=${offset}&limit=10`).expect(200);
        values.push(...page.body.messages.map(({ value }: { value: number }) => value));
        offset = page.body.next_offset;
      }
      expect(values).toEqual(Array.from({ length: 25 }, (_, value) => value));
      expect((await broker.http.get(`${path}?offset=latest`)).body).toMatchObject({
        messages: [],
        next_offset: 25,
      });
      expect((await broker.http.get(`${path}?offset=earliest&limit=1`)).body.messages).toHaveLength(1);
      await broker.http.get(`${path}?offset=26`).expect(416);
    });

    it('waits for messages, and answers as soon as there are some', async () => {
      const name = newName();
      await publish(name, [{ value: 1 }]);
      const path = `/v1/topics/${name}/partitions/0/messages?offset=1`;
      const waiting = broker.http.get(`${path}&wait_ms=60000`).then((answer) => answer);
      await publish(name, [{ value: 2 }]);
      expect((await waiting).body.messages).toMatchObject([{ offset: 1, value: 2 }]);
      expect((await broker.http.get(`${path}&wait_ms=0&limit=1`)).body.messages).toHaveLength(1);
      const short = await broker.http
        .get(`/v1/topics/${name}/partitions/0/messages?offset=2&wait_ms=10`)
        .expect(200);
      expect(short.body.messages).toEqual([]);
    });

    it.each([
      'offset=-1',
      'offset=x',
      'limit=0',
      'limit=100000',
      'wait_ms=-1',
      'wait_ms=9999999',
      'max_bytes=1GB',
      'limt=1',
    ])('refuses the query %s', async (query) => {
      const name = newName();
      await publish(name, [{ value: 1 }]);
      const answer = await broker.http.get(`/v1/topics/${name}/partitions/0/messages?${query}`).expect(400);
      expect(answer.body).toMatchObject({ code: 'INVALID_REQUEST' });
      expect(answer.body.problems).toHaveLength(1);
    });

    it('shows the log of a partition in pages', async () => {
      const name = newName();
      for (let value = 0; value < 3; value++) await publish(name, [{ value }]);
      const path = `/v1/topics/${name}/partitions/0/log`;
      const first = await broker.http.get(`${path}?limit=2`).expect(200);
      expect(first.body.entries).toHaveLength(2);
      expect(first.body).toMatchObject({ next_skip: 2, entries: [{ type: 'put' }, { type: 'put' }] });
      expect(first.body.entries[0].timestamp).toBeGreaterThan(1_700_000_000_000);
      const rest = await broker.http.get(`${path}?limit=2&skip=2`).expect(200);
      expect(rest.body).toMatchObject({ next_skip: null });
      expect(rest.body.entries).toHaveLength(1);
    });

    it('makes no answer with messages while others fill the memory there is for them', async () => {
      const name = newName();
      await publish(name, [{ value: 1 }]);
      const { answers } = broker.app.getHttpAdapter() as unknown as BrokerHttpAdapter;
      const release = await answers.reserve(answers.limit, 1);
      const waiting = ['messages', 'log'].map((what) =>
        broker.http.get(`/v1/topics/${name}/partitions/0/${what}`).then((answer) => answer.status),
      );
      await expect.poll(() => answers.queued).toBe(waiting.length);
      release();
      expect(await Promise.all(waiting)).toEqual([200, 200]);
    });
  });

  describe('groups', () => {
    it('commits, describes, lists and deletes', async () => {
      const name = newName();
      await publish(name, [{ value: 1 }, { value: 2 }, { value: 3 }]);
      const commit = { offsets: [{ topic: name, partition: 0, offset: 2, metadata: 'by hand' }] };
      const committed = await broker.http.post('/v1/groups/billing/offsets').send(commit).expect(200);
      expect(committed.body).toMatchObject({
        group: 'billing',
        state: 'empty',
        member_count: 0,
        lag: 1,
        offsets: [{ topic: name, partition: 0, committed: 2, end_offset: 3, lag: 1, metadata: 'by hand' }],
      });
      const list = await broker.http.get('/v1/groups').expect(200);
      expect(list.body.groups).toMatchObject([{ group: 'billing', state: 'empty', topics: [name] }]);
      expect((await broker.http.get('/v1/groups/billing').expect(200)).body).toEqual(committed.body);
      await broker.http.delete('/v1/groups/billing').expect(204);
      expect((await broker.http.get('/v1/groups/billing').expect(404)).body.code).toBe('GROUP_NOT_FOUND');
    });

    it('refuses offsets that make no sense', async () => {
      const name = newName();
      await publish(name, [{ value: 1 }]);
      const post = (body: object) => broker.http.post('/v1/groups/g/offsets').send(body);
      await post({ offsets: [] }).expect(400);
      await post({ offsets: 'x' }).expect(400);
      await post({ offsets: [{ topic: name, partition: 0 }] }).expect(400);
      await post({ offsets: [{ topic: 'no-such-topic', partition: 0, offset: 1 }] }).expect(404);
      await post({ offsets: [{ topic: name, partition: 9, offset: 1 }] }).expect(404);
    });
  });
});
