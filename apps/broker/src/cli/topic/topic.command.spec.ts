import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliBench, genrocks } from '../__fixtures__/cli.js';

describe('genrocks topic', () => {
  let bench: CliBench;
  beforeAll(async () => {
    bench = await CliBench.start();
  });
  afterAll(() => bench.close());

  it('creates, lists, describes, grows, stops, starts, truncates and deletes', async () => {
    const created = await bench.run(['topic', 'create', 'orders', '--partitions', '2']);
    expect(created).toEqual({ code: 0, out: 'orders: running, 2 partition(s) on ets\n', err: '' });
    await bench.run(['publish', 'orders', '--value', '{"id":1}', '--partition', '1']);
    const list = await bench.run(['topic', 'list']);
    expect(list.out.split('\n').map((line) => line.trim().split(/\s+/))).toEqual([
      ['topic', 'state', 'partitions', 'messages', 'adapter', 'durable'],
      ['orders', 'running', '2', '1', 'ets', 'no'],
      [''],
    ]);
    expect((await bench.run(['topic', 'add-partitions', 'orders', '3'])).out).toContain('3 partition(s)');
    const described = await bench.run(['topic', 'describe', 'orders']);
    expect(described.out).toMatch(/topic +orders\n[^]*storage +ets \(not durable\)[^]*\n +1 +open +0 +1 +1 /);
    expect((await bench.run(['topic', 'stop', 'orders'])).out).toContain('orders: stopped');
    expect((await bench.run(['topic', 'list'])).out).toMatch(/orders +stopped +3 +- /);
    expect((await bench.run(['topic', 'start', 'orders'])).out).toContain('orders: running');

    const refused = await bench.run(['topic', 'truncate', 'orders']);
    expect(refused.code).toBe(1);
    expect(refused.err).toBe(
      'genrocks: INVALID_ARGUMENT: 1 message(s) of orders would be lost; add --yes if that is what you want\n',
    );
    expect((await bench.run(['topic', 'truncate', 'orders', '--yes'])).out).toBe(
      'orders: truncated, 1 message(s)\n',
    );
    expect(await bench.run(['topic', 'delete', 'orders', '-y', '--json'])).toEqual({
      code: 0,
      out: '{"topic":"orders","deleted":true,"messages":0}\n',
      err: '',
    });
  });

  it('prints the JSON of the HTTP API', async () => {
    await bench.run([
      'topic',
      'create',
      'shop/orders',
      '--routing',
      'round_robin',
      '--compression',
      'lz4',
      '--dedup-window-ms',
      '5000',
    ]);
    const described = await bench.run(['topic', 'describe', 'shop/orders', '--json']);
    const answer = await fetch(`${bench.url}/v1/topics/shop%2Forders`);
    expect(JSON.parse(described.out)).toEqual(await answer.json());
    const list = await bench.run(['topic', 'list', '--json']);
    expect(
      list.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { name: string }).name),
    ).toContain('shop/orders');
  });

  it('takes every option of a topic that the API takes', async () => {
    const flags = [
      '--partitions',
      '3',
      '--routing',
      'consistent_hash',
      '--compression',
      'gzip',
      '--linger-ms',
      '5',
    ];
    const dedup = ['--dedup-window-ms', '5000', '--dedup-max-ids', '10'];
    const storage = ['--adapter', 'ets', '--set', 'max_bytes=1MB'];
    const created = await bench.run(['topic', 'create', 'full', ...flags, ...dedup, ...storage, '--json']);
    expect(JSON.parse(created.out)).toMatchObject({
      partition_count: 3,
      routing: 'consistent_hash',
      compression: 'gzip',
      linger_ms: 5,
      dedup: { window_ms: 5000, max_ids: 10 },
      adapter: 'ets',
      settings: { max_bytes: 1 << 20 },
    });
    const ids = await bench.run(['topic', 'create', 'ids', '--dedup-max-ids', '7', '--json']);
    expect(JSON.parse(ids.out)).toMatchObject({ dedup: { window_ms: 120_000, max_ids: 7 } });
    await bench.run(['topic', 'stop', 'ids']);
    const off = await bench.run(['topic', 'create', 'ids', '--no-dedup', '--json']);
    expect(JSON.parse(off.out)).not.toHaveProperty('dedup');
    await bench.run(['topic', 'create', 'together', '--routing', 'sticky']);
    expect((await bench.run(['topic', 'describe', 'together'])).out).toContain('routing   sticky');
    const both = await bench.run(['topic', 'create', 'ids', '--no-dedup', '--dedup-max-ids', '7']);
    expect(both.err).toContain('--no-dedup');
  });

  it('tells errors with their code, and as JSON to scripts', async () => {
    const missing = await bench.run(['topic', 'describe', 'nowhere']);
    expect(missing).toMatchObject({ code: 1, out: '' });
    expect(missing.err).toMatch(/^genrocks: TOPIC_NOT_FOUND: .*\n$/);
    const json = await bench.run(['topic', 'describe', 'nowhere', '--json']);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code: 'TOPIC_NOT_FOUND', retriable: false } });
    const wrong = await bench.run(['topic', 'create', 'x', '--set', 'max_no_bytes']);
    expect(wrong.code).toBe(1);
    expect(wrong.err).toMatch(/--set: "max_no_bytes" is not allowed/);
    const refused = await bench.run(['topic', 'create', 'x', '--set', 'max_nobytes=1']);
    expect(refused.err).toMatch(/INVALID_REQUEST: storage\.max_nobytes: unknown/);
  });

  it('says what to do where no broker answers', async () => {
    const nobody = await genrocks(['topic', 'list', '--url', 'http://127.0.0.1:1']);
    expect(nobody.code).toBe(3);
    expect(nobody.err).toMatch(/CONNECTION_FAILED: no answer from a broker at .*genrocks serve/);
    expect((await genrocks(['topic', 'list', '--url', 'nonsense'])).err).toMatch(/--url: "nonsense"/);
    const page = await genrocks(['topic', 'list', '--url', `${bench.url}/docs`]);
    expect(page).toMatchObject({ code: 1 });
  });
});
