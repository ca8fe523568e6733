import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TopicsHealthIndicator } from '@genrocks/topics/health';
import { Inject, Injectable } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import { HealthIndicatorService } from '@nestjs/terminus';
import { brokerConfig } from '../config/broker.config.js';
import { storageDirectory } from '../config/storage.config.js';

/** Time limit of a check, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** A directory with less free space than this counts as full, in bytes. */
const MIN_FREE_BYTES = 1024 * 1024;

/** A name that exists in the directory as long as a broker runs on it. */
const ALWAYS_THERE: Readonly<Record<string, string>> = { disk_log: '__genrocks', rocksdb: 'CURRENT' };

/**
 * Open files can be written even after somebody has emptied the directory, or mounted another file system over it. Messages
 * acknowledged after that would be gone after a restart.
 */
async function assertOurs(directory: string, name: string | undefined): Promise<void> {
  if (name === undefined) return;
  await access(join(directory, name)).catch((cause: unknown) => {
    throw new Error(
      `${directory} no longer holds ${name}: it was emptied, or another file system is mounted there; ` +
        'restore it, or messages published now will be lost when this process ends',
      { cause },
    );
  });
}

/** Checks whether messages can be accepted and stored. */
@Injectable()
export class StorageHealth {
  constructor(
    @Inject(TopicsHealthIndicator) private readonly topics: TopicsHealthIndicator,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  /** Checks that storage accepts writes, and that every partition of every running topic is open. */
  partitions() {
    return this.topics.storage('partitions', { timeoutMs: TIMEOUT_MS });
  }

  /** Checks that the storage directory is writable and has free space. */
  directory() {
    return this.indicators
      .check(this.config.storage.adapter === 'rocksdb' ? 'rocksdb' : 'log_dir')
      .attempt(async () => {
        const directory = storageDirectory(this.config.storage)!;
        await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
        await assertOurs(directory, ALWAYS_THERE[this.config.storage.adapter]);
        const { bavail, bsize } = await statfs(directory);
        const freeBytes = bavail * bsize;
        if (freeBytes < MIN_FREE_BYTES)
          throw new Error(`${directory} has only ${freeBytes} bytes left; free some space`);
        return { free_bytes: freeBytes };
      })
      .withTimeout(TIMEOUT_MS);
  }

  get usesDirectory(): boolean {
    return storageDirectory(this.config.storage) !== undefined;
  }
}
