import { statfs } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { DEFAULT_LOG_DIR } from '@genrocks/storage-disklog';
import { DEFAULT_ROCKSDB_PATH } from '@genrocks/storage-rocksdb';
import { Gauge } from 'prom-client';
import { brokerConfig } from '../config/broker.config.js';
import type { BrokerConfig } from '../config/broker-config.js';
import { BrokerMetrics } from './broker-metrics.js';

/** Shortest interval between two queries of a file system in milliseconds, however many clients scrape. */
const FRESH_MS = 1_000;

/** Free and total space of the file systems under the adapters' directories. */
@Injectable()
export class FileSystemMetrics {
  private readonly directories: readonly (readonly [adapter: string, directory: string])[];
  private readonly available: Gauge;
  private readonly size: Gauge;
  private readAt = -Infinity;
  private reading: Promise<void> = Promise.resolve();

  constructor(
    @Inject(brokerConfig.KEY) { storage }: BrokerConfig,
    @Inject(BrokerMetrics) { registry }: BrokerMetrics,
  ) {
    const { diskLog, rocksdb } = storage;
    this.directories = [
      ...(diskLog === undefined ? [] : [['disk_log', diskLog.logDir ?? DEFAULT_LOG_DIR] as const]),
      ...(rocksdb === undefined ? [] : [['rocksdb', rocksdb.path ?? DEFAULT_ROCKSDB_PATH] as const]),
    ];
    const gauge = (name: string, help: string) =>
      new Gauge({
        name: `genrocks_storage_filesystem_${name}_bytes`,
        help,
        labelNames: ['adapter'],
        registers: [registry],
        collect: () => this.refresh(),
      });
    this.available = gauge(
      'avail',
      "Bytes available to this process on the file system under an adapter's directory",
    );
    this.size = gauge('size', "Total bytes of the file system under an adapter's directory");
  }

  /** An unreadable directory has no series: its last value would hide the failure. */
  private refresh(): Promise<void> {
    const now = performance.now();
    if (now - this.readAt < FRESH_MS) return this.reading;
    this.readAt = now;
    return (this.reading = this.read());
  }

  private async read(): Promise<void> {
    const found = await Promise.all(
      this.directories.map(async ([adapter, directory]) => ({
        adapter,
        stats: await statfs(directory).catch(() => undefined),
      })),
    );
    this.available.reset();
    this.size.reset();
    for (const { adapter, stats } of found) {
      if (stats === undefined) continue;
      this.available.set({ adapter }, stats.bavail * stats.bsize);
      this.size.set({ adapter }, stats.blocks * stats.bsize);
    }
  }
}
