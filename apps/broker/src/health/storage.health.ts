import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { type SystemStatus, TopicsService } from '@genrocks/topics';
import { Inject, Injectable } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import { HealthIndicatorService } from '@nestjs/terminus';
import { brokerConfig } from '../config/broker.config.js';
import { storageDirectory } from '../config/storage.config.js';

/** A check that takes longer than this has failed. */
const TIMEOUT_MS = 5_000;

/** Below this much free space a directory is as good as full, in bytes. */
const MIN_FREE_BYTES = 1024 * 1024;

/** Can messages be taken and kept? */
@Injectable()
export class StorageHealth {
  constructor(
    @Inject(TopicsService) private readonly topics: TopicsService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  /** Every partition of every running topic is open and takes writes. */
  partitions() {
    return this.indicators
      .check('partitions')
      .attempt(async () => {
        const failed = failedPartitions(await this.topics.systemStatus());
        if (failed.length > 0) throw new Error(`not available: ${failed.join('; ')}`);
      })
      .withTimeout(TIMEOUT_MS);
  }

  /** The directory of the storage can be written to and has room. */
  directory() {
    return this.indicators
      .check(this.config.storage.adapter === 'rocksdb' ? 'rocksdb' : 'log_dir')
      .attempt(async () => {
        const directory = storageDirectory(this.config.storage)!;
        await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
        const { bavail, bsize } = await statfs(directory);
        const freeBytes = bavail * bsize;
        if (freeBytes < MIN_FREE_BYTES)
          throw new Error(`${directory} has ${freeBytes} bytes left; free some room`);
        return { free_bytes: freeBytes };
      })
      .withTimeout(TIMEOUT_MS);
  }

  get usesDirectory(): boolean {
    return storageDirectory(this.config.storage) !== undefined;
  }
}

/** At most this many are named. */
const MAX_NAMED = 10;

function failedPartitions({ topics }: SystemStatus): string[] {
  return topics
    .flatMap(({ name, partitions }) =>
      partitions
        .map(({ partition, state, error, store }) => ({
          place: `${name}/${partition}`,
          reason: state === 'failed' ? (error?.message ?? 'failed') : store?.details['failed'],
        }))
        .filter(({ reason }) => typeof reason === 'string'),
    )
    .slice(0, MAX_NAMED)
    .map(({ place, reason }) => `${place}: ${String(reason)}`);
}
