import { StorageAdapter } from '@genrocks/storage';
import { Inject, Injectable, type LoggerService, Module } from '@nestjs/common';
import { ConfigModule, type ConfigType } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { etsConfig, EtsModule, EtsStorageAdapter } from './index.js';

@Injectable()
class Carts {
  constructor(@Inject(StorageAdapter) readonly storage: StorageAdapter) {}
}

@Module({ imports: [EtsModule.forRoot()], providers: [Carts] })
class ShopModule {}

function recordingLogger(warnings: string[]): LoggerService {
  return { log() {}, error() {}, warn: (message: unknown) => warnings.push(String(message)) };
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('EtsModule', () => {
  it('provides one adapter, as itself and as StorageAdapter, and closes it with the app', async () => {
    const module = await Test.createTestingModule({ imports: [ShopModule] }).compile();
    await module.init();
    const adapter = module.get(EtsStorageAdapter, { strict: false });
    expect(module.get(Carts).storage).toBe(adapter);
    const store = await adapter.open('carts', 0);
    await store.put('alice', '3');
    await module.close();
    await expect(store.get('alice')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await expect(adapter.open('carts', 0)).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  it('can be replaced in a test by the token of the contract', async () => {
    const other = new EtsStorageAdapter({ maxBytes: '1MB' });
    const module = await Test.createTestingModule({ imports: [ShopModule] })
      .overrideProvider(StorageAdapter)
      .useValue(other)
      .compile();
    expect(module.get(Carts).storage).toBe(other);
    await module.close();
  });

  it('can be global', async () => {
    @Module({ providers: [Carts] })
    class Elsewhere {}
    const module = await Test.createTestingModule({
      imports: [EtsModule.forRoot({ isGlobal: true }), Elsewhere],
    }).compile();
    expect(module.get(Carts, { strict: false }).storage.name).toBe('ets');
    await module.close();
  });

  it('refuses invalid options when the module is compiled', async () => {
    const compiled = Test.createTestingModule({
      imports: [EtsModule.forRoot({ maxBytes: 'lots' })],
    }).compile();
    await expect(compiled).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  it('reads its options from the environment', async () => {
    vi.stubEnv('GENROCKS_ETS_MAX_BYTES', '2KB');
    vi.stubEnv('GENROCKS_ETS_ALLOW_IN_PRODUCTION', 'yes');
    expect(etsConfig()).toMatchObject({ maxBytes: 2048, allowInProduction: true });
    const module = await Test.createTestingModule({
      imports: [
        EtsModule.forRootAsync({
          imports: [ConfigModule.forFeature(etsConfig)],
          inject: [etsConfig.KEY],
          useFactory: (options: ConfigType<typeof etsConfig>) => options,
        }),
      ],
    }).compile();
    const store = await module.get(EtsStorageAdapter).open('a', 0);
    await expect(store.put('a', Buffer.alloc(3000))).rejects.toMatchObject({ code: 'NO_SPACE' });
    await module.close();
  });

  it('names the environment variable with the invalid value', () => {
    vi.stubEnv('GENROCKS_ETS_MAX_BYTES', 'lots');
    expect(() => etsConfig()).toThrow(/^GENROCKS_ETS_MAX_BYTES: "lots" is not allowed; a size/);
  });
});

describe('in production', () => {
  async function warningsOf(environment: string, allowInProduction?: boolean): Promise<string[]> {
    vi.stubEnv('NODE_ENV', environment);
    const warnings: string[] = [];
    const module = await Test.createTestingModule({ imports: [EtsModule.forRoot({ allowInProduction })] })
      .setLogger(recordingLogger(warnings))
      .compile();
    await module.init();
    await module.close();
    return warnings;
  }

  it('warns that everything is lost with the process, and says what to do', async () => {
    const warnings = await warningsOf('production');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/in memory .* lost .* disk_log, .* allowInProduction: true/);
  });

  it('does not warn if that is allowed, or outside production', async () => {
    expect(await warningsOf('production', true)).toEqual([]);
    expect(await warningsOf('test')).toEqual([]);
  });
});
