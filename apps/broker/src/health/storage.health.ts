import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TopicsHealthIndicator } from '@genrocks/topics/health';
import { Inject, Injectable } from '@nestjs/common';
import { type ConfigType } from '@nestjs/config';
import { HealthIndicatorService } from '@nestjs/terminus';
import { brokerConfig } from '../config/broker.config.js';
import { storageDirectory } from '../config/storage.config.js';

/** A check that takes longer than this has failed. */
const TIMEOUT_MS = 5_000;

/** Below this much free space a directory is as good as full, in bytes. */
const MIN_FREE_BYTES = 1024 * 1024;

/** What lies in the directory as long as a broker runs on it. */
const ALWAYS_THERE: Readonly<Record<string, string>> = { disk_log: '__genrocks', rocksdb: 'CURRENT' };

/**
 * Files that are open can be written to after their names are gone: when somebody has emptied the directory, or another
 * file system came to lie over it. What is acknowledged then is there no longer after a restart.
 */
async function assertOurs(directory: string, name: string | undefined): Promise<void> {
  if (name === undefined) return;
  await access(join(directory, name)).catch((cause: unknown) => {
    throw new Error(
      `${directory} no longer holds ${name}: it was emptied, or another file system is mounted there; ` +
        'bring it back, or what is published now is lost with this process',
      { cause },
    );
  });
}

/** Can messages be taken and kept? */
@Injectable()
export class StorageHealth {
  constructor(
    @Inject(TopicsHealthIndicator) private readonly topics: TopicsHealthIndicator,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(brokerConfig.KEY) private readonly config: ConfigType<typeof brokerConfig>,
  ) {}

  /** The storage takes writes, and every partition of every running topic is open. */
  partitions() {
    return this.topics.storage('partitions', { timeoutMs: TIMEOUT_MS });
  }

  /** The directory of the storage can be written to and has room. */
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
          throw new Error(`${directory} has ${freeBytes} bytes left; free some room`);
        return { free_bytes: freeBytes };
      })
      .withTimeout(TIMEOUT_MS);
  }

  get usesDirectory(): boolean {
    return storageDirectory(this.config.storage) !== undefined;
  }
}
