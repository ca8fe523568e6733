import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { genrocks } from '../__fixtures__/cli.js';

describe('commands on a directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-dir-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('do what they do on a broker, and keep it', async () => {
    const logDir = join(directory, 'data');
    const run = (...args: string[]) => genrocks([...args, '--log-dir', logDir]);
    expect((await run('topic', 'create', 'orders', '-p', '2')).out).toBe(
      'orders: running, 2 partition(s) on disk_log\n',
    );
    const path = join(directory, 'in.jsonl');
    writeFileSync(path, '{"id":1}\n{"id":2}\n');
    expect((await run('publish', 'orders', '-f', path, '--key-field', 'id', '-q')).code).toBe(0);
    expect((await run('consume', 'orders', '-g', 'billing', '--json')).out.trim().split('\n')).toHaveLength(
      2,
    );
    expect((await run('group', 'lag', 'billing')).out).toBe('0\n');
    expect((await run('consume', 'orders', '--follow')).err).toMatch(/--follow: no message can arrive/);
  });

  it('are refused with the pid of the process that has it open', async () => {
    const logDir = join(directory, 'data');
    await genrocks(['topic', 'create', 'orders', '--log-dir', logDir]);
    const adapter = new DiskLogStorageAdapter({ logDir });
    const store = await adapter.open('__genrocks', 0, { retain: 'all' });
    const refused = await genrocks(['topic', 'list', '--log-dir', logDir, '--json']);
    expect(refused.code).toBe(3);
    expect(JSON.parse(refused.err)).toMatchObject({
      error: { code: 'LOCKED', retriable: true, details: { pid: process.pid } },
    });
    await store.close();
    await adapter.close();
    expect((await genrocks(['topic', 'list', '--log-dir', logDir])).code).toBe(0);
  });

  it('make no log_dir of a path that is misspelt or something else', async () => {
    const run = (...args: string[]) => genrocks(args);
    const missing = await run('topic', 'list', '--log-dir', join(directory, 'daat'));
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.err).toMatch(
      /--log-dir: .*daat does not exist; use the value of storage\.disk_log\.log_dir/,
    );
    mkdirSync(join(directory, 'home'));
    writeFileSync(join(directory, 'home/file'), '');
    const other = await run('publish', 'orders', '-v', '1', '--log-dir', join(directory, 'home'));
    expect(other.err).toMatch(/is not the log_dir of a broker/);
    expect((await run('topic', 'list', '--log-dir', join(directory, 'home/file'))).err).toMatch(
      /not a directory/,
    );
    expect((await run('topic', 'list', '--log-dir', 'a', '--url', 'http://b')).err).toMatch(
      /either --url or/,
    );
    expect((await run('topic', 'list', '--config', 'a.yaml')).err).toMatch(/--config needs --log-dir/);
  });

  it('use the configuration of the broker', async () => {
    const config = join(directory, 'genrocks.yaml');
    writeFileSync(
      config,
      'storage: { adapter: ets, disk_log: { log_dir: ./other } }\nlimits: { max_topics: 1 }\ntopics: [{ name: a }, { name: b }]\n',
    );
    const run = (...args: string[]) =>
      genrocks([...args, '--log-dir', join(directory, 'data'), '--config', config]);
    expect((await run('topic', 'create', 'one')).code).toBe(0);
    expect((await run('topic', 'create', 'two')).err).toMatch(/LIMIT_REACHED/);
    expect((await run('topic', 'list', '--json')).out.trim().split('\n')).toHaveLength(1);
  });
});
