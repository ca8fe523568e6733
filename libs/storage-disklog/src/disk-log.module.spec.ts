import { StorageAdapter } from '@genrocks/storage';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { diskLogConfig, DiskLogModule, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());
afterEach(() => vi.unstubAllEnvs());

describe('DiskLogModule', () => {
  it('provides the adapter, and closes it with the application', async () => {
    const logDir = await scratch.directory();
    const app = await Test.createTestingModule({ imports: [DiskLogModule.forRoot({ logDir })] }).compile();
    const adapter = app.get(StorageAdapter);
    expect(adapter).toBe(app.get(DiskLogStorageAdapter));
    const store = await adapter.open('orders', 0);
    await store.put('a', '1');
    await app.close();
    await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await expect(adapter.open('orders', 0)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  it('is configured from the environment', async () => {
    const logDir = await scratch.directory();
    vi.stubEnv('GENROCKS_LOG_DIR', logDir);
    vi.stubEnv('GENROCKS_LOG_TYPE', 'halt');
    vi.stubEnv('GENROCKS_MAX_NO_BYTES', '50MB');
    vi.stubEnv('GENROCKS_REPAIR', 'false');
    const app = await Test.createTestingModule({
      imports: [
        DiskLogModule.forRootAsync({
          imports: [ConfigModule.forFeature(diskLogConfig)],
          inject: [diskLogConfig.KEY],
          useFactory: (options: ConfigType<typeof diskLogConfig>) => options,
        }),
      ],
    }).compile();
    const store = await app.get(StorageAdapter).open('orders', 0);
    const { details } = await store.info();
    expect(details).toMatchObject({ log_type: 'halt', directory: `${logDir}/orders/partition_0` });
    await app.close();
  });

  it('names every variable with a value that is not allowed', () => {
    vi.stubEnv('GENROCKS_MAX_NO_FILES', 'many');
    vi.stubEnv('GENROCKS_SYNC', 'never');
    expect(() => diskLogConfig()).toThrowError(/GENROCKS_MAX_NO_FILES: "many"[^]*GENROCKS_SYNC: "never"/);
  });
});
