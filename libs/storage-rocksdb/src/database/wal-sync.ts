import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type RocksDB from 'rocksdb-native';
import { isSharingViolation } from './errors.js';
import { syncDirectory } from './directories.js';

const WAL_FILE = /^(\d+)\.log$/;

/**
 * Makes RocksDB's write-ahead log durable, which the binding cannot: RocksDB hands every write to the operating system
 * before it answers (`manual_wal_flush` is off), and fdatasync stores what a file holds, whoever wrote it.
 *
 * RocksDB goes on to a new log file when a write buffer is full. The old one has to be synced before anything in the
 * new one counts as durable, since recovery replays them in order; so all files from the last one synced are, in
 * order, unless RocksDB has removed them, which it does when their contents are in synced table files.
 */
export class WalSync {
  private number = -1;
  private file: FileHandle | undefined;

  constructor(
    private readonly db: RocksDB,
    private readonly directory: string,
  ) {}

  /** Resolves when every write that resolved before the call is on stable storage. One call at a time. */
  async sync(): Promise<void> {
    const [current] = await Promise.all([this.db.currentWalFile(), this.file?.datasync()]);
    if (current.number === this.number) return;
    try {
      await this.follow();
    } catch (error) {
      // Windows does not let anybody else open the log for writing: there, table files are written and synced instead.
      if (!isSharingViolation(error)) throw error;
      await this.db.flush();
    }
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    this.number = -1;
  }

  /** Syncs the files after the one known, and keeps the newest open. */
  private async follow(): Promise<void> {
    for (const number of await this.newerFiles()) {
      const file = await this.openFile(number);
      if (file === undefined) continue;
      await this.file?.close();
      this.file = file;
      this.number = number;
      await file.datasync();
    }
    await syncDirectory(this.directory);
  }

  private async newerFiles(): Promise<number[]> {
    const numbers = (await readdir(this.directory)).map((name) => Number(WAL_FILE.exec(name)?.[1] ?? -1));
    return numbers.filter((number) => number > this.number).sort((a, b) => a - b);
  }

  private async openFile(number: number): Promise<FileHandle | undefined> {
    try {
      return await open(join(this.directory, `${String(number).padStart(6, '0')}.log`), 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}
