import { resolve } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { assertTopicName, InvalidArgumentError, type PartitionStore } from '@genrocks/storage';
import { DiskLogModule, DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import {
  LegacyStore,
  LogSnapshot,
  type PartitionDirectory,
  type SnapshotRemark,
  StagedDirectory,
} from '@genrocks/storage-disklog/tools';
import { TopicsModule, TopicsService } from '@genrocks/topics';
import { type ImportedPartition, importPartition } from './import-topic.js';

type Damage = LegacyStore['damage'][number];

export interface ImportOptions {
  /** Suffix of the store `<topic>.<state>` for keys that are not messages. */
  readonly state?: string | undefined;
  /** Called with a line about the progress. */
  readonly onProgress: (text: string) => void;
}

export interface PartitionReport extends ImportedPartition {
  /** Keys of groups or of the counter whose value is not an offset. */
  readonly unreadableKeys: readonly string[];
  /** Number of keys that are not messages. */
  readonly otherKeys: number;
  /** The store that holds those keys; absent if they were skipped. */
  readonly stateStore?: string;
}

export interface ImportReport {
  readonly directory: string;
  readonly partitions: readonly PartitionReport[];
  /** Ranges of the legacy log that cannot be read. */
  readonly damage: readonly Damage[];
  /** What is wrong or odd about the legacy logs as a whole, such as a missing file. */
  readonly remarks: readonly SnapshotRemark[];
}

/** Largest message: a legacy message may be as large as a log item. */
const MAX_MESSAGE_BYTES = 100 << 20;
/** Directory of a log_dir's own metadata. GenRocks for Elixir does not use this name. */
const OWN_STATE = '__genrocks';
/** Messages between two progress reports. */
const PROGRESS = 100_000;

/**
 * Imports stores of GenRocks for Elixir as topics into a new log_dir. The log_dir appears complete at the end or not at
 * all. The legacy directories are only read.
 *
 * @throws `TARGET_NOT_EMPTY`, `INVALID_TOPIC_NAME`, `INVALID_ARGUMENT` if the source is not a legacy directory,
 * `MESSAGE_TOO_LARGE`, or an error of the store
 */
export async function importLegacy(
  sources: readonly PartitionDirectory[],
  target: string,
  options: ImportOptions,
): Promise<ImportReport> {
  const directory = resolve(target);
  const shapes = shapesOf(sources);
  const staged = await StagedDirectory.create(directory, 'importing', {
    mayReplace: false,
    remedy: 'name a new log_dir',
  });
  try {
    const report = await new Import(staged.path, options).run(sources, shapes);
    await staged.publish();
    return { ...report, directory };
  } catch (error) {
    await staged.abandon();
    throw error;
  }
}

/** Number of partitions of each topic. */
function shapesOf(sources: readonly PartitionDirectory[]): Map<string, number> {
  const shapes = new Map<string, number>();
  const seen = new Set<string>();
  for (const { topic, partition, directory } of sources) {
    if (topic === OWN_STATE) {
      throw new InvalidArgumentError(
        `${directory} belongs to a log_dir that needs no import: start the broker on it, or copy it with \`genrocks log backup\``,
      );
    }
    assertTopicName(topic);
    if (seen.has(`${topic}/${partition}`))
      throw new InvalidArgumentError(`${directory} is a second partition ${partition} of topic ${topic}`);
    seen.add(`${topic}/${partition}`);
    shapes.set(topic, Math.max(shapes.get(topic) ?? 0, partition + 1));
  }
  return shapes;
}

class Import {
  private readonly reports: PartitionReport[] = [];
  private readonly damage: Damage[] = [];
  private readonly remarks: SnapshotRemark[] = [];

  constructor(
    private readonly logDir: string,
    private readonly options: ImportOptions,
  ) {}

  async run(
    sources: readonly PartitionDirectory[],
    shapes: ReadonlyMap<string, number>,
  ): Promise<Omit<ImportReport, 'directory'>> {
    @Module({
      imports: [
        TopicsModule.forRoot({
          // No sync per write: nothing is acknowledged before everything is closed, synced and renamed.
          storage: DiskLogModule.forRoot({ logDir: this.logDir, sync: 'os' }),
          autoCreateTopics: false,
          maxMessageBytes: MAX_MESSAGE_BYTES,
          tailCacheBytes: 0,
          maxPartitionsPerTopic: 100_000,
          maxTopics: 1_000_000,
          maxGroups: 1_000_000,
        }),
      ],
    })
    class ImportModule {}
    const app = await NestFactory.createApplicationContext(ImportModule, {
      logger: false,
      abortOnError: false,
    });
    try {
      const topics = app.get(TopicsService);
      for (const [name, partitions] of shapes) {
        const own = sources.filter(({ topic }) => topic === name);
        await this.importTopic(topics, name, partitions, own);
      }
    } finally {
      await app.close();
    }
    return { partitions: this.reports, damage: this.damage, remarks: this.remarks };
  }

  private async importTopic(
    topics: TopicsService,
    name: string,
    partitions: number,
    sources: readonly PartitionDirectory[],
  ): Promise<void> {
    const settings = await this.settingsFor(sources);
    const topic = await topics.startTopic(name, {
      partitions,
      storage: { adapter: 'disk_log', ...settings },
    });
    for (const source of sources) {
      await withStore(source, async (store, log) => {
        const { onProgress } = this.options;
        let told = 0;
        const imported = await importPartition(topics, topic, source.partition, store, (messages) => {
          if (messages - told < PROGRESS) return;
          told = messages;
          onProgress(`${name}/${source.partition}: ${messages} of ${store.messageCount} messages`);
        });
        const state = await this.keepOthers(name, source.partition, store);
        this.damage.push(...store.damage);
        this.remarks.push(...log.remarks);
        const { unreadable: unreadableKeys, otherKeys } = store;
        this.reports.push({
          ...imported,
          unreadableKeys,
          otherKeys,
          ...(state === undefined ? {} : { stateStore: state }),
        });
        onProgress(`${name}/${source.partition}: ${imported.messages} messages imported`);
      });
    }
  }

  /** The limits of the legacy logs, raised if the messages would not fit into half of them. */
  private async settingsFor(sources: readonly PartitionDirectory[]): Promise<Record<string, unknown>> {
    let maxNoFiles = 2;
    let maxNoBytes = 10 << 20;
    let bytes = 0;
    for (const source of sources) {
      const log = await LogSnapshot.open(source.directory);
      await log.close();
      maxNoFiles = Math.max(maxNoFiles, log.limits?.maxFiles ?? 10);
      maxNoBytes = Math.max(maxNoBytes, log.limits?.maxBytes ?? 0);
      bytes = Math.max(
        bytes,
        log.files.reduce((sum, { size }) => sum + size, 0),
      );
    }
    const needed = Math.ceil((2 * bytes) / (maxNoFiles - 1));
    return {
      logType: 'wrap',
      maxNoFiles: Math.min(maxNoFiles, 65_000),
      maxNoBytes: Math.max(maxNoBytes, needed),
    };
  }

  private async keepOthers(
    topic: string,
    partition: number,
    store: LegacyStore,
  ): Promise<string | undefined> {
    const { state } = this.options;
    if (state === undefined || store.otherKeys === 0) return undefined;
    const name = `${topic}.${state}`;
    const adapter = new DiskLogStorageAdapter({ logDir: this.logDir, sync: 'os' });
    try {
      const target = await adapter.open(name, partition, { retain: 'all' });
      await copyAll(store, target);
      await target.close();
    } finally {
      await adapter.close();
    }
    return name;
  }
}

async function copyAll(store: LegacyStore, target: PartitionStore): Promise<void> {
  for await (const { key, value } of store.readOthers()) await target.put(key, value);
}

async function withStore(
  source: PartitionDirectory,
  use: (store: LegacyStore, log: LogSnapshot) => Promise<void>,
): Promise<void> {
  const log = await LogSnapshot.open(source.directory);
  try {
    await use(await LegacyStore.read(log), log);
  } finally {
    await log.close();
  }
}
