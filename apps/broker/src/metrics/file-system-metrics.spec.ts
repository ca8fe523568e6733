import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkBrokerConfig } from '../config/broker-config.js';
import { BrokerMetrics } from './broker-metrics.js';
import { FileSystemMetrics } from './file-system-metrics.js';

describe('metrics of file systems', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-metrics-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const scrape = async (storage: object) => {
    const metrics = new BrokerMetrics();
    new FileSystemMetrics(checkBrokerConfig({ storage }), metrics);
    const text = await metrics.registry.metrics();
    return text.split('\n').filter((line) => line.startsWith('genrocks_storage_filesystem_'));
  };

  it('tell the room there is for each adapter with a directory', async () => {
    const series = await scrape({
      adapter: 'disk_log',
      disk_log: { log_dir: directory },
      rocksdb: { path: directory },
    });
    expect(series.map((line) => line.replace(/ .*/, ''))).toEqual(
      ['avail', 'size'].flatMap((what) =>
        ['disk_log', 'rocksdb'].map(
          (adapter) => `genrocks_storage_filesystem_${what}_bytes{adapter="${adapter}"}`,
        ),
      ),
    );
    for (const line of series) expect(Number(line.split(' ')[1])).toBeGreaterThan(0);
  });

  it('have no series for a directory that is not there, and none in memory', async () => {
    expect(await scrape({ adapter: 'disk_log', disk_log: { log_dir: join(directory, 'gone') } })).toEqual([]);
    expect(await scrape({ adapter: 'ets' })).toEqual([]);
  });
});
