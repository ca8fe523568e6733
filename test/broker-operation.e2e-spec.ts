/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment -- supertest gives bodies as any */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, type RunningBroker, startBroker } from './broker-harness.js';

describe.each(ADAPTERS)('operating a broker on %s', (adapter) => {
  let broker: RunningBroker;

  beforeAll(async () => {
    broker = await startBroker(adapter);
  });

  afterAll(() => broker.close());

  it('tells that it lives and is ready', async () => {
    expect((await broker.http.get('/health/live').expect(200)).body).toEqual({ status: 'ok' });
    const ready = await broker.http.get('/health/ready').expect(200);
    expect(ready.body).toMatchObject({ status: 'ok', details: { partitions: { status: 'up' } } });
  });

  it('measures messages, bytes, writes, storage, lag, errors and requests', async () => {
    const name = 'measured';
    await broker.http
      .post(`/v1/topics/${name}/messages`)
      .send({ messages: [{ value: 1 }, { value: 2 }] })
      .expect(201);
    await broker.http.get(`/v1/topics/${name}/partitions/0/messages`).expect(200);
    await broker.http.get('/v1/topics/no-such-topic').expect(404);
    const offsets = [{ topic: name, partition: 0, offset: 1 }];
    await broker.http.post('/v1/groups/measured/offsets').send({ offsets }).expect(200);
    const { text, headers } = await broker.http.get('/metrics').expect(200);
    expect(headers['content-type']).toMatch(/^text\/plain/);
    const value = (series: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.split(' ')[1],
      );
    const place = `topic="${name}",partition="0"`;
    expect(value(`genrocks_messages_published_total{topic="${name}"}`)).toBe(2);
    expect(value(`genrocks_bytes_published_total{topic="${name}"}`)).toBeGreaterThan(0);
    expect(value(`genrocks_messages_consumed_total{topic="${name}"}`)).toBe(2);
    expect(value(`genrocks_storage_bytes{${place},adapter="${adapter}"}`)).toBeGreaterThan(0);
    for (const what of ['connections', 'authentication_failures_total'])
      expect(value(`genrocks_kafka_${what}`)).toBe(0);
    for (const reason of ['limit', 'tls'])
      expect(value(`genrocks_kafka_connections_refused_total{reason="${reason}"}`)).toBe(0);
    if (adapter === 'disk_log') expect(value(`genrocks_storage_files{${place}}`)).toBe(1);
    expect(value('genrocks_storage_write_duration_seconds_count')).toBeGreaterThan(0);
    expect(value(`genrocks_group_lag{group="measured",${place}}`)).toBe(1);
    expect(value('genrocks_errors_total{code="TOPIC_NOT_FOUND"}')).toBeGreaterThan(0);
    expect(text).toMatch(
      /genrocks_http_request_duration_seconds_count\{method="POST",route="\/v1\/topics\/:topic\/messages",status="201"\}/,
    );
    expect(text).toContain('process_cpu_seconds_total');
    for (const line of text.matchAll(/^# HELP \S+ ?(.*)$/gm)) expect(line[1]).not.toBe('');
  });

  it('describes bodies and queries by the names that are taken', async () => {
    const { body } = await broker.http.get('/docs-json').expect(200);
    const { components, paths } = body as {
      components: { schemas: Record<string, { properties?: object }> };
      paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
    };
    const queries = Object.values(paths)
      .flatMap((operations) => Object.values(operations))
      .flatMap(({ parameters = [] }) => parameters.filter((one) => one.in === 'query'));
    const names = [
      ...Object.values(components.schemas).flatMap(({ properties = {} }) => Object.keys(properties)),
      ...queries.map(({ name }) => name),
    ];
    expect(names).toContain('dry_run');
    expect(names.filter((name) => /[A-Z]/.test(name))).toEqual([]);
  });

  it('leads from its address to /docs', async () => {
    const { body } = await broker.http.get('/').expect(302).expect('location', 'docs');
    for (const path of Object.values(body).slice(1)) await broker.http.get(`/${String(path)}`).expect(200);
    await broker.http.head('/').expect(302).expect('location', 'docs').expect('content-type', /json/);
    await broker.http.get('/').set('accept', 'text/html').redirects(1).expect('content-type', /html/);
    await broker.http.post('/').expect(405).expect('allow', 'GET, HEAD');
  });

  it('describes itself at /docs', async () => {
    await broker.http.get('/docs').expect(200);
    const { body } = await broker.http.get('/docs-json').expect(200);
    const paths = Object.keys(body.paths);
    for (const path of [
      '/v1/topics',
      '/v1/topics/{topic}',
      '/v1/topics/{topic}/messages',
      '/v1/topics/{topic}/partitions/{partition}/messages',
      '/v1/topics/{topic}/partitions/{partition}/log',
      '/v1/topics/{topic}/stream',
      '/v1/topics/{topic}/truncate',
      '/v1/topics/{topic}/optimize',
      '/v1/topics/{topic}/sync',
      '/v1/groups',
      '/v1/groups/{group}',
      '/v1/groups/{group}/offsets',
      '/health/live',
      '/health/ready',
      '/metrics',
    ]) {
      expect(paths).toContain(path);
    }
    expect(Object.keys(body.components.schemas)).toEqual(
      expect.arrayContaining([
        'ProblemDto',
        'TopicDto',
        'PublishMessageDto',
        'ReceiptDto',
        'GroupDto',
        'MessagePageDto',
      ]),
    );
    expect(body.components.schemas.TopicDto.properties).toHaveProperty('partition_count');
  });
});
