import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Test } from '@nestjs/testing';
import { DiskLogModule } from '@genrocks/storage-disklog';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningBroker, startBroker } from './broker-harness.js';

const CHILD = fileURLToPath(new URL('./fixtures/once-child.mjs', import.meta.url));
const CYCLES = 3;
/** More than one process publishes before it is killed. */
const PLENTY = 1_000_000;

type Fact = ['try', number] | ['ack', number, partition: number, offset: number, duplicate: boolean];

describe('messages with ids on the disk log, killed with SIGKILL again and again', () => {
  let logDir: string;
  let tried = 0;
  const acknowledged = new Map<number, string>();
  let repeats = 0;

  beforeEach(async () => {
    logDir = await mkdtemp(join(tmpdir(), 'genrocks-once-'));
  });
  afterEach(() => rm(logDir, { recursive: true, force: true }));

  async function run(from: number, to: number, killAfter: number): Promise<void> {
    const child = spawn(process.execPath, [CHILD, logDir, String(from), String(to)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    let acks = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.endsWith(']')) continue; // half a line, of a process that was killed
      const fact = JSON.parse(line) as Fact;
      if (fact[0] === 'try') tried = Math.max(tried, fact[1] + 1);
      else record(fact);
      if (fact[0] === 'ack' && ++acks === killAfter) child.kill('SIGKILL');
    }
    await exit;
  }

  function record([, value, partition, offset, duplicate]: Extract<Fact, ['ack', ...unknown[]]>): void {
    const place = `${partition}/${offset}`;
    const before = acknowledged.get(value);
    if (before !== undefined) expect([place, duplicate]).toEqual([before, true]);
    if (duplicate) repeats++;
    acknowledged.set(value, place);
  }

  it('are stored once each, and none that was acknowledged is missing', async () => {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      // Everything from some way back is published again, as a client does that got no answers.
      await run(Math.max(0, tried - 200), PLENTY, 100 + Math.floor(Math.random() * 400));
    }
    await run(0, tried, Infinity);
    expect(repeats).toBeGreaterThan(0);

    const moduleRef = await Test.createTestingModule({
      imports: [TopicsModule.forRoot({ storage: DiskLogModule.forRoot({ logDir }) })],
    }).compile();
    moduleRef.useLogger(false);
    const app = await moduleRef.init();
    const stored = new Map<unknown, string>();
    for await (const message of app
      .get(TopicsService)
      .topic('payments')
      .messages({ from: 'earliest', live: false })) {
      expect(stored.has(message.value)).toBe(false);
      stored.set(message.value, `${message.partition}/${message.offset}`);
    }
    for (const [value, place] of acknowledged) expect(stored.get(value)).toBe(place);
    // What was never acknowledged may be stored; what the last run was told to publish is all there.
    expect(stored.size).toBeGreaterThanOrEqual(tried);
    await app.close();
  });
});

describe('publishing options and ids over HTTP', () => {
  let broker: RunningBroker;
  afterEach(() => broker.close());

  it('are taken from the configuration and from requests, shown, and kept', async () => {
    broker = await startBroker('disk_log', {
      topics: [
        {
          name: 'configured',
          routing: 'consistent_hash',
          compression: 'zstd',
          linger_ms: 5,
          dedup: { window_ms: 60_000 },
        },
      ],
    });
    const { http } = broker;
    const configured = await http.get('/v1/topics/configured').expect(200);
    expect(configured.body).toMatchObject({
      routing: 'consistent_hash',
      compression: 'zstd',
      linger_ms: 5,
      dedup: { window_ms: 60_000, max_ids: 100_000, ids: 0, forgotten: 0 },
    });
    const asked = { name: 'asked', compression: 'lz4', linger_ms: 1, dedup: { max_ids: 10 } };
    const created = await http.post('/v1/topics').send(asked).expect(201);
    expect(created.body).toMatchObject({ compression: 'lz4', linger_ms: 1, dedup: { max_ids: 10 } });
    await http.post('/v1/topics').send(asked).expect(200);
    await http
      .post('/v1/topics')
      .send({ ...asked, compression: 'gzip' })
      .expect(409);
    const plain = await http.post('/v1/topics').send({ name: 'plain' }).expect(201);
    expect(plain.body).toMatchObject({ routing: 'key_hash', compression: 'none', linger_ms: 0 });
    expect(plain.body).not.toHaveProperty('dedup');
    const wrong = { name: 'x', routing: 'best', compression: 'zip', linger_ms: -1, dedup: { window: 5 } };
    const refused = await http.post('/v1/topics').send(wrong).expect(400);
    for (const text of ['routing: "best"', 'compression: "zip"', 'linger_ms: -1']) {
      expect(JSON.stringify(refused.body).replaceAll('\\"', '"')).toContain(text);
    }
    const dedup = await http
      .post('/v1/topics')
      .send({ name: 'x', dedup: { window: 5 } })
      .expect(400);
    expect(JSON.stringify(dedup.body)).toContain('dedup.window: unknown');
  });

  it('store a repeat once, alone, in a list and in NDJSON', async () => {
    broker = await startBroker('ets');
    const { http } = broker;
    await http.post('/v1/topics').send({ name: 't', dedup: {} }).expect(201);
    const first = await http.post('/v1/topics/t/messages').send({ id: 'a', value: 1 }).expect(201);
    expect(first.body).not.toHaveProperty('duplicate');
    const again = await http.post('/v1/topics/t/messages').send({ id: 'a', value: 1 }).expect(201);
    expect(again.body).toEqual({ ...first.body, duplicate: true });
    const messages = ['a', 'b', 'b'].map((id) => ({ id, value: id }));
    const list = await http.post('/v1/topics/t/messages').send({ messages }).expect(201);
    expect(list.body).toMatchObject({
      count: 3,
      duplicates: 2,
      partitions: [{ partition: 0, count: 1, first_offset: 1, last_offset: 1 }],
      results: [{ offset: 0, duplicate: true }, { offset: 1 }, { offset: 1, duplicate: true }],
    });
    const lines = ['b', 'c'].map((id) => JSON.stringify({ id, value: id })).join('\n');
    const bulk = await http
      .post('/v1/topics/t/messages')
      .set('content-type', 'application/x-ndjson')
      .send(lines)
      .expect(201);
    expect(bulk.body).toMatchObject({ count: 2, duplicates: 1 });
    const read = await http.get('/v1/topics/t/partitions/0/messages').expect(200);
    const page = read.body as { messages: { id: string; headers: object }[] };
    expect(page.messages.map(({ id, headers }) => [id, headers])).toEqual([
      ['a', {}],
      ['b', {}],
      ['c', {}],
    ]);
    const long = { id: 'x'.repeat(257), value: 1 };
    const bad = await http.post('/v1/topics/t/messages').send(long).expect(400);
    expect(bad.body).toMatchObject({ code: 'INVALID_MESSAGE' });
  });
});
