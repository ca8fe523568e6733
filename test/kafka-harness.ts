import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DynamicModule, INestApplicationContext, Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { KafkaListener, KafkaModule, type KafkaOptions } from '@genrocks/kafka';
import { DiskLogModule, type DiskLogOptions } from '@genrocks/storage-disklog';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, type TopicsOptions, TopicsService } from '@genrocks/topics';
import { Kafka, logLevel } from 'kafkajs';

/**
 * For clients of kafkajs, whose second is over at once where the process or the machine stands still for that long.
 */
export const CONNECTION_TIMEOUT_MS = 30_000;

export interface RunningKafka {
  readonly app: INestApplicationContext;
  readonly listener: KafkaListener;
  readonly topics: TopicsService;
  readonly bootstrap: string;
  /** A kafkajs client of this broker. */
  readonly kafka: Kafka;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly kafka?: KafkaOptions;
  readonly topics?: TopicsOptions;
  /** Of the application: handlers, for one. */
  readonly providers?: Provider[];
  /** Keeps everything in this directory; in memory where there is none. */
  readonly logDir?: string;
  /** Further settings of the disk log. */
  readonly diskLog?: Omit<DiskLogOptions, 'logDir'>;
}

/** An application with topics and a Kafka listener, as a team would embed it in a test. */
export async function startKafka(options: StartOptions = {}): Promise<RunningKafka> {
  const storage: DynamicModule =
    options.logDir === undefined
      ? EtsModule.forRoot()
      : DiskLogModule.forRoot({ logDir: options.logDir, ...options.diskLog });
  const moduleRef = await Test.createTestingModule({
    imports: [
      TopicsModule.forRoot({ storage, ...options.topics }),
      KafkaModule.forRoot({ port: 0, ...options.kafka }),
    ],
    providers: options.providers ?? [],
  }).compile();
  moduleRef.useLogger(false);
  const app = await moduleRef.init();
  const listener = app.get(KafkaListener);
  const { bootstrap } = listener;
  return {
    app,
    listener,
    topics: app.get(TopicsService),
    bootstrap,
    kafka: new Kafka({
      brokers: [bootstrap],
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20 },
    }),
    stop: () => app.close(),
  };
}

/** A directory for one test; `remove` it afterwards. */
export function temporaryDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'genrocks-kafka-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
