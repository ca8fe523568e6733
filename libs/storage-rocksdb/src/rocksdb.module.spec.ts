import { StorageAdapter } from '@genrocks/storage';
import { Inject, Injectable } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { databases } from './__fixtures__/directories.js';
import { rocksDbConfig, RocksDbModule, RocksDbStorageAdapter } from './index.js';

const { directory, open } = databases();

@Injectable()
class Carts {
  constructor(@Inject(StorageAdapter) readonly storage: StorageAdapter) {}
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('RocksDbModule', () => {
  it('provides one adapter, as itself and as StorageAdapter, and closes it with the app', async () => {
    const path = await directory();
    const module = await Test.createTestingModule({
      imports: [RocksDbModule.forRoot({ path })],
      providers: [Carts],
    }).compile();
    await module.init();
    const adapter = module.get(RocksDbStorageAdapter, { strict: false });
    expect(module.get(Carts).storage).toBe(adapter);
    await (await adapter.open('carts', 0)).put('alice', '3');
    await module.close();
    await expect(adapter.open('carts', 0)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    expect((await (await open({ path }).open('carts', 0)).get('alice'))?.toString()).toBe('3');
  });

  it('stops the start if the database is locked', async () => {
    const path = await directory();
    await open({ path }).list();
    const module = await Test.createTestingModule({ imports: [RocksDbModule.forRoot({ path })] }).compile();
    await expect(module.init()).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('refuses invalid options when the module is compiled', async () => {
    const compiled = Test.createTestingModule({
      imports: [RocksDbModule.forRoot({ writeBufferSize: 'lots' })],
    }).compile();
    await expect(compiled).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it('reads its options from the environment', async () => {
    const path = await directory();
    vi.stubEnv('GENROCKS_ROCKSDB_PATH', path);
    vi.stubEnv('GENROCKS_ROCKSDB_CREATE_IF_MISSING', 'yes');
    vi.stubEnv('GENROCKS_ROCKSDB_WRITE_BUFFER_SIZE', '2MB');
    vi.stubEnv('GENROCKS_ROCKSDB_MAX_WRITE_BUFFER_NUMBER', '3');
    vi.stubEnv('GENROCKS_ROCKSDB_COMPRESSION', 'deflate');
    vi.stubEnv('GENROCKS_ROCKSDB_MAX_OPEN_FILES', '100');
    vi.stubEnv('GENROCKS_ROCKSDB_RECOVERY', 'strict');
    vi.stubEnv('GENROCKS_ROCKSDB_SYNC', 'os');
    const module = await Test.createTestingModule({
      imports: [
        RocksDbModule.forRootAsync({
          imports: [ConfigModule.forFeature(rocksDbConfig)],
          inject: [rocksDbConfig.KEY],
          useFactory: (options: ConfigType<typeof rocksDbConfig>) => options,
        }),
      ],
    }).compile();
    const store = await module.get(RocksDbStorageAdapter).open('a', 0);
    expect((await store.info()).details).toMatchObject({
      path,
      sync: 'os',
      writeBufferSize: 2 * 1024 * 1024,
      compression: 'deflate',
    });
    await module.close();
  });

  it('names the environment variable with the invalid value', () => {
    vi.stubEnv('GENROCKS_ROCKSDB_SYNC', 'sometimes');
    expect(() => rocksDbConfig()).toThrow(
      /^GENROCKS_ROCKSDB_SYNC: "sometimes" is not allowed; one of always, os/,
    );
  });
});
