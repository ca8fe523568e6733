import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  type BrokerConfig,
  BrokerHttpAdapter,
  BrokerModule,
  checkBrokerConfig,
  setupDocs,
} from '@genrocks/broker';
import { StorageAdapter } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsStorageAdapter } from '@genrocks/storage-ets';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import request from 'supertest';

/** The adapters that every test of the broker runs on. */
export const ADAPTERS = ['ets', 'disk_log', 'rocksdb'] as const;
export type AdapterUnderTest = (typeof ADAPTERS)[number];

export interface RunningBroker {
  readonly app: NestFastifyApplication;
  readonly config: BrokerConfig;
  readonly port: number;
  readonly url: string;
  /** Base directory of the disk log; its parent holds nothing else. */
  readonly logDir: string;
  readonly http: ReturnType<typeof request>;
  close(): Promise<void>;
}

function newAdapter(adapter: AdapterUnderTest, directory: string): StorageAdapter {
  if (adapter === 'ets') return new EtsStorageAdapter();
  if (adapter === 'disk_log') return new DiskLogStorageAdapter({ logDir: directory });
  return new RocksDbStorageAdapter({ path: directory });
}

/** A broker on a free port, its default adapter swapped by dependency injection. */
export async function startBroker(
  adapter: AdapterUnderTest,
  options: Record<string, unknown> = {},
): Promise<RunningBroker> {
  const parent = await mkdtemp(join(tmpdir(), 'genrocks-broker-'));
  const logDir = join(parent, 'log');
  const config = checkBrokerConfig({
    storage: { adapter: 'ets' },
    ...options,
    kafka: { port: 0, ...(options['kafka'] as object | undefined) },
  });
  const moduleRef = await Test.createTestingModule({ imports: [BrokerModule.forRoot(config)] })
    .overrideProvider(StorageAdapter)
    .useValue(newAdapter(adapter, logDir))
    .setLogger(false as never)
    .compile();
  const app = setupDocs(
    moduleRef.createNestApplication<NestFastifyApplication>(new BrokerHttpAdapter(config.http), {
      logger: false,
    }),
  );
  await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const close = async () => {
    await app.close();
    await rm(parent, { recursive: true, force: true });
  };
  return { app, config, port, url, logDir, http: request(url), close };
}
