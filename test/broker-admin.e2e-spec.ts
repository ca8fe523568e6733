/* eslint-disable @typescript-eslint/no-unsafe-member-access -- supertest gives bodies as any */
import { once } from 'node:events';
import { TopicsService } from '@genrocks/topics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawConnection } from './broker-raw.js';
import { type RunningBroker, startBroker } from './broker-harness.js';

it('ends at once while a connection is open that never asked for anything', async () => {
  const broker = await startBroker('ets', { http: { shutdown_timeout_ms: 600_000 } });
  const silent = await rawConnection(broker.port);
  const closed = once(silent, 'close');
  await broker.http.get('/health/live').expect(200);
  await broker.close();
  await closed;
});

describe('the HTTP API for operators', () => {
  let broker: RunningBroker;

  beforeAll(async () => {
    broker = await startBroker('ets');
  });
  afterAll(() => broker.close());

  async function publish(topic: string, count: number, timestamp = 1_000): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => ({ value: i, timestamp: timestamp + i }));
    await broker.http.post(`/v1/topics/${topic}/messages`).send({ messages }).expect(201);
  }

  it('stops a topic and starts it again', async () => {
    await publish('halted', 2);
    const stopped = await broker.http.post('/v1/topics/halted/stop').expect(200);
    expect(stopped.body).toMatchObject({ name: 'halted', state: 'stopped', partitions: [] });
    await broker.http.post('/v1/topics/halted/messages').send({ value: 3 }).expect(409);
    const started = await broker.http.post('/v1/topics/halted/start').expect(200);
    expect(started.body).toMatchObject({ state: 'running', partitions: [{ end_offset: 2 }] });
    await broker.http.post('/v1/topics/nowhere/start').expect(404);
    await broker.http.post('/v1/topics/nowhere/stop').expect(404);
  });

  it('adds partitions', async () => {
    await publish('grown', 1);
    const grown = await broker.http.post('/v1/topics/grown/partitions').send({ total: 3 }).expect(200);
    expect(grown.body).toMatchObject({ partition_count: 3 });
    const fewer = await broker.http.post('/v1/topics/grown/partitions').send({ total: 2 }).expect(400);
    expect(fewer.body.code).toBe('INVALID_CONFIG');
    await broker.http.post('/v1/topics/grown/partitions').send({}).expect(400);
  });

  it.each([
    ['earliest', 0],
    ['latest', 5],
    ['3', 3],
    ['99', 5],
    ['1970-01-01T00:00:01.002Z', 2],
    ['1970-01-01T01:00:01.004+01:00', 4],
    ['2100-01-01T00:00:00Z', 5],
  ])('finds the offset at %s', async (at, offset) => {
    await broker.http.post('/v1/topics').send({ name: 'placed' });
    const before = await broker.http.get('/v1/topics/placed');
    if (before.body.partitions[0].end_offset === 0) await publish('placed', 5);
    const answer = await broker.http.get('/v1/topics/placed/offsets').query({ at }).expect(200);
    expect(answer.body).toEqual({ topic: 'placed', offsets: [{ partition: 0, offset }] });
  });

  it.each(['soon', '-1', '2026-01-01', '2026-99-99T00:00:00Z', ''])('knows no place %j', async (at) => {
    await publish('placed-not', 1);
    await broker.http.get('/v1/topics/placed-not/offsets').query({ at }).expect(400);
  });

  it('moves the offsets of a group, and tells before if asked', async () => {
    await publish('billed', 4);
    const commit = { offsets: [{ topic: 'billed', partition: 0, offset: 4 }] };
    await broker.http.post('/v1/groups/billing/offsets').send(commit).expect(200);
    const reset = (body: object) => broker.http.post('/v1/groups/billing/reset').send(body);
    const lag = async () => (await broker.http.get('/v1/groups/billing').expect(200)).body.lag as number;

    const dry = await reset({ to: '1', dry_run: true }).expect(200);
    expect(dry.body).toEqual({
      group: 'billing',
      dry_run: true,
      offsets: [{ topic: 'billed', partition: 0, offset: 1 }],
    });
    expect(await lag()).toBe(0);
    await reset({ to: '1970-01-01T00:00:01.003Z', topics: ['billed'], partition: 0 }).expect(200);
    expect(await lag()).toBe(1);
    await reset({ to: 'nowhere' }).expect(400);
    await reset({}).expect(400);
    await broker.http.post('/v1/groups/nobody/reset').send({ to: 'earliest' }).expect(404);
  });

  it('shows dead letters and puts them back', async () => {
    const topics = broker.app.get(TopicsService);
    await publish('failing', 3);
    const group = await topics.startConsumerGroup({
      group: 'fussy',
      topics: ['failing'],
      retry: false,
      handler: () => {
        throw new Error('no');
      },
    });
    await expect
      .poll(() => topics.hasTopic('failing.dlq') && topics.topic('failing.dlq').partition(0).endOffset)
      .toBe(3);
    await group.stop();
    const list = await broker.http.get('/v1/topics/failing.dlq/dead-letters?group=fussy&limit=2').expect(200);
    expect(list.body.dead_letters).toHaveLength(2);
    expect(list.body.dead_letters[0]).toMatchObject({
      kind: 'message',
      reason: 'no',
      topic: 'failing',
      partition: 0,
      offset: 0,
      group: 'fussy',
      attempts: 1,
      redriven: false,
      message: { topic: 'failing.dlq', offset: 0, value: 0 },
    });
    const redrive = (body: object) => broker.http.post('/v1/topics/failing.dlq/redrive').send(body);
    expect((await redrive({ dry_run: true }).expect(200)).body).toEqual({
      dry_run: true,
      redriven: 3,
      skipped: 0,
      problems: [],
    });
    expect((await redrive({ limit: 1 }).expect(200)).body).toMatchObject({ redriven: 1 });
    expect((await redrive({}).expect(200)).body).toMatchObject({ redriven: 2 });
    expect(topics.topic('failing').partition(0).endOffset).toBe(6);
    await redrive({ group: 7 }).expect(400);
  });
});
