import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBrokerConfig, createBroker } from '@genrocks/broker';
import { TopicsService } from '@genrocks/topics';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** RocksDB as a configuration chooses it, nothing swapped by hand. */
describe('a broker configured for RocksDB', () => {
  let parent: string;
  let app: NestFastifyApplication | undefined;
  const path = () => join(parent, 'rocksdb');
  const logDir = () => join(parent, 'log');

  const start = async (options: Record<string, unknown>) => {
    app = await createBroker(checkBrokerConfig({ kafka: { enabled: false }, ...options }), { logger: false });
    await app.init();
    return app.get(TopicsService);
  };
  const stop = async () => {
    await app?.close();
    app = undefined;
  };

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'genrocks-rocksdb-broker-'));
  });
  afterEach(async () => {
    await stop();
    await rm(parent, { recursive: true, force: true });
  });

  it('keeps topics and messages over a restart', async () => {
    const options = {
      storage: { adapter: 'rocksdb', rocksdb: { path: path(), write_buffer_size: '1MB' } },
      topics: [{ name: 'orders', partitions: 4 }],
    };
    let topics = await start(options);
    for (let i = 0; i < 20; i++)
      await topics.publish('orders', { key: `customer ${i % 3}`, value: { order: i } });
    const before = await topics.systemStatus();
    await stop();
    topics = await start(options);
    const after = await topics.systemStatus();
    const ends = ({ topics: all }: typeof before) =>
      all.map(({ name, partitions }) => [name, partitions.map(({ endOffset }) => endOffset)]);
    expect(ends(after)).toEqual(ends(before));
    expect(after.topics[0]!.adapter).toBe('rocksdb');
    expect(
      ends(after)
        .flat(3)
        .filter(Number.isInteger)
        .reduce((sum: number, n) => sum + Number(n), 0),
    ).toBe(20);
  });

  it('holds one topic beside the disk log, each on its own', async () => {
    const topics = await start({
      storage: { adapter: 'disk_log', disk_log: { log_dir: logDir() }, rocksdb: { path: path() } },
      topics: [{ name: 'logged' }, { name: 'indexed', storage: { adapter: 'rocksdb', sync: 'os' } }],
    });
    await topics.publish('logged', { value: 1 });
    await topics.publish('indexed', { value: 2 });
    const { topics: all } = await topics.systemStatus();
    expect(Object.fromEntries(all.map(({ name, adapter }) => [name, adapter]))).toEqual({
      logged: 'disk_log',
      indexed: 'rocksdb',
    });
    expect(await readdir(logDir())).not.toContain('indexed');
  });

  it('makes no database where nothing asks for one', async () => {
    await start({ storage: { adapter: 'ets' } });
    expect(existsSync('gen_rocks_data/rocksdb')).toBe(false);
  });

  it('is ready only with a database that can be written to', async () => {
    await start({ storage: { adapter: 'rocksdb', rocksdb: { path: path() } } });
    const ready = () => app!.inject({ method: 'GET', url: '/health/ready' });
    expect((await ready()).statusCode).toBe(200);
    expect((await ready()).json()).toMatchObject({ details: { rocksdb: { status: 'up' } } });
  });
});
