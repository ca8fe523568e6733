import { dirname, join, relative, resolve, sep } from 'node:path';
import {
  ExclusiveStorageAdapter,
  GenRocksError,
  InvalidTopicNameError,
  NoSpaceError,
  type OpenStoreOptions,
  type PartitionStore,
  StorageIoError,
  type StorageSupports,
  type StoreEvent,
  type StoreId,
} from '@genrocks/storage';
import { checkOptions } from '@genrocks/storage/config';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { DEFAULT_LOG_DIR, DiskLogOptions, resolveSettings } from './disk-log-options.js';
import { DiskLogStore } from './disk-log-store.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from './entry-writes.js';
import { DISK_LOG_OPTIONS } from './disk-log.module-definition.js';
import { LogNames, tellsOfLog } from './engine/names.js';
import { makeDirectories } from './io/directories.js';
import { type FileSystem, isErrno, isOutOfDescriptors, nodeFileSystem } from './io/file-system.js';
import { type DirectoryLock, lockDirectory } from './io/lock.js';
import { assertUsableNames, otherSpelling } from './io/spelling.js';
import { finishNames } from './io/windows-names.js';

const PARTITION_DIRECTORY = /^partition_(\d+)$/;
/** A destroyed store is first renamed, to a name that no topic can have: a crash leaves all of it or nothing. */
const DESTROYED = /^~destroyed-/;
/** An attempt fails only if another topic of the same path is deleted at that very moment. */
const MAX_ATTEMPTS = 100;

/**
 * Keeps stores on write-ahead logs in the file format of Erlang's `disk_log`, one directory per partition:
 * `logDir/<topic>/partition_<N>/`. Nothing is ever created outside `logDir`.
 *
 * @publicApi
 */
@Injectable()
export class DiskLogStorageAdapter extends ExclusiveStorageAdapter {
  readonly name = 'disk_log';

  readonly supports: StorageSupports = {
    durable: true,
    persistent: true,
    log: 'history',
    bounded: true,
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
  };

  private readonly logger = new Logger(DiskLogStorageAdapter.name);
  private readonly options: DiskLogOptions;
  private readonly logDir: string;
  private destroyed = 0;
  private cleaned: Promise<void> | undefined;

  /**
   * @param fileSystem the file system; tests replace the real one
   * @throws `INVALID_CONFIG` for an option that is unknown or not allowed
   */
  constructor(
    @Optional() @Inject(DISK_LOG_OPTIONS) options: DiskLogOptions = {},
    @Optional() @Inject('GENROCKS_FILE_SYSTEM') private readonly fileSystem: FileSystem = nodeFileSystem,
  ) {
    super();
    this.options = checkOptions(DiskLogOptions, options, { where: 'storage.disk_log' });
    resolveSettings(this.options);
    this.logDir = resolve(this.options.logDir ?? DEFAULT_LOG_DIR);
  }

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    resolveSettings(this.options, settings);
  }

  protected async openStore(
    id: StoreId,
    options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<PartitionStore> {
    const directory = this.directoryOf(id);
    const settings = resolveSettings(this.options, options.settings);
    const names = new LogNames(directory);
    let lock: DirectoryLock | undefined;
    try {
      lock = await this.take(id.topic, directory, names);
      if (this.fileSystem.holdsNames) await finishNames(this.fileSystem, directory);
      return await DiskLogStore.open({
        ...id,
        names,
        settings: options.retain === 'all' ? { ...settings, logType: 'compact' } : settings,
        logDir: this.logDir,
        fs: this.fileSystem,
        lock,
        onEvent: (event) => this.onEvent(event, directory, options.onEvent),
        onClose,
      });
    } catch (error) {
      lock?.release();
      throw this.explain(directory, error);
    }
  }

  protected async listStores(): Promise<StoreId[]> {
    const found: StoreId[] = [];
    await this.collect(this.logDir, found);
    return found;
  }

  protected async destroyStore(id: StoreId): Promise<void> {
    const directory = this.directoryOf(id);
    const names = new LogNames(directory);
    if ((await this.entries(directory)).length === 0) return;
    let lock: DirectoryLock | undefined;
    try {
      // The directory belongs to another topic, on a file system that ignores case.
      if ((await otherSpelling(this.fileSystem, this.logDir, id.topic)) !== undefined) return;
      lock = lockDirectory(names.lock, directory);
      if (this.fileSystem.holdsNames) {
        // An open lock file would keep the directory from being renamed. So would that of an owner that opens it now.
        lock.release();
        lock = undefined;
      }
      const doomed = join(this.logDir, `~destroyed-${process.pid}-${Date.now()}-${this.destroyed++}`);
      await this.fileSystem.rename(directory, doomed);
      await this.syncParent(directory);
      await this.fileSystem.removeTree(doomed);
      await this.removeEmptyParents(dirname(directory));
    } catch (error) {
      throw this.explain(directory, error);
    } finally {
      lock?.release();
    }
  }

  /**
   * Makes the directory and locks it. From then on it is not empty, so it stays. Before that, the deletion of another
   * topic of the same path, here or in another process, may remove a part of it as empty.
   */
  private async take(topic: string, directory: string, names: LogNames): Promise<DirectoryLock> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.prepare(topic, directory);
        return lockDirectory(names.lock, directory);
      } catch (error) {
        if (!isErrno(error, 'ENOENT') || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  private async prepare(topic: string, directory: string): Promise<void> {
    assertUsableNames(topic);
    await this.refuseSharedName(topic);
    await makeDirectories(this.fileSystem, this.logDir, relative(this.logDir, directory).split(sep));
    // Check again: another topic may have been created at the same time.
    await this.refuseSharedName(topic);
    await this.removeDestroyed();
  }

  private async refuseSharedName(topic: string): Promise<void> {
    const other = await otherSpelling(this.fileSystem, this.logDir, topic);
    if (other === undefined) return;
    const reason = `its directory would be that of "${other}", because ${this.logDir} does not distinguish upper and lower case`;
    throw new InvalidTopicNameError(topic, `${reason}; choose a name that differs in more than case`);
  }

  /** Once, removes the remains of destroyed stores. They hold no live data, so a failure does not stop an open. */
  private removeDestroyed(): Promise<void> {
    this.cleaned ??= this.removeLeftovers().catch((error: unknown) => {
      this.cleaned = undefined;
      const message = 'cannot remove the remains of destroyed stores; the next open tries again';
      this.logger.warn({ message, directory: this.logDir, error: String(error) });
    });
    return this.cleaned;
  }

  private async removeLeftovers(): Promise<void> {
    for (const { name } of await this.entries(this.logDir)) {
      if (DESTROYED.test(name)) await this.fileSystem.removeTree(join(this.logDir, name));
    }
  }

  private onEvent(event: StoreEvent, directory: string, listener: OpenStoreOptions['onEvent']): void {
    if (event.type === 'damaged') {
      const { file, offset, length, reason } = event;
      this.logger.error({ message: 'damaged log', file, offset, length, reason });
    } else if (event.type === 'failed') {
      this.logger.error({ message: event.error.message, directory });
    } else if (event.type === 'recovered' && event.badBytes > 0) {
      this.logger.warn({
        message: 'cut a torn tail',
        directory,
        items: event.items,
        bad_bytes: event.badBytes,
      });
    }
    try {
      listener?.(event);
    } catch (error) {
      this.logger.error({ message: 'a store event listener threw', directory, error: String(error) });
    }
  }

  private directoryOf({ topic, partition }: StoreId): string {
    return join(this.logDir, ...topic.split('/'), `partition_${partition}`);
  }

  private async collect(directory: string, found: StoreId[]): Promise<void> {
    for (const { name, directory: isDirectory } of await this.entries(directory)) {
      if (!isDirectory || DESTROYED.test(name)) continue;
      const path = join(directory, name);
      const partition = PARTITION_DIRECTORY.exec(name)?.[1];
      if (partition === undefined || directory === this.logDir) await this.collect(path, found);
      else if (await this.holdsLog(path)) {
        const topic = relative(this.logDir, directory).split(sep).join('/');
        found.push({ topic, partition: Number(partition) });
      }
    }
  }

  private async holdsLog(directory: string): Promise<boolean> {
    const entries = await this.entries(directory);
    return entries.some(({ name, directory: isDirectory }) => !isDirectory && tellsOfLog(name));
  }

  private async entries(directory: string): Promise<{ name: string; directory: boolean }[]> {
    try {
      return await this.fileSystem.readdir(directory);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return [];
      throw this.explain(directory, error);
    }
  }

  /** The parent directory may be gone: the destruction of another store of the same path removes it when it is empty. */
  private async syncParent(directory: string): Promise<void> {
    try {
      await this.fileSystem.syncDirectory(dirname(directory));
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      await this.fileSystem.syncDirectory(this.logDir);
    }
  }

  /** Removes the directories of a topic with its last partition; one that is not empty stays. */
  private async removeEmptyParents(directory: string): Promise<void> {
    for (let path = directory; path !== this.logDir; path = dirname(path)) {
      if (!(await this.fileSystem.removeDirectory(path))) return;
    }
  }

  private explain(directory: string, error: unknown): Error {
    if (error instanceof GenRocksError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) return new NoSpaceError(directory, error);
    if (isErrno(error, 'ENOTDIR', 'EEXIST')) {
      return new StorageIoError(
        `cannot use ${directory}: a part of the path is a file, or a link below log_dir; choose another log_dir`,
        error,
      );
    }
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) {
      return new StorageIoError(
        `cannot write to ${directory} (${code}); make log_dir writable or choose another`,
        error,
      );
    }
    return new StorageIoError(`cannot use ${directory}: ${message}`, error, isOutOfDescriptors(error));
  }
}
