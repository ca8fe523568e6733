import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type RocksDB from 'rocksdb-native';
import { isSharingViolation } from './errors.js';
import { syncDirectory } from './directories.js';

const WAL_FILE = /^(\d+)\.log$/;

/**
 * Makes RocksDB's write-ahead log durable, which the binding cannot do. RocksDB gives every write to the operating system
 * before it returns (`manual_wal_flush` is off), and fdatasync stores what a file holds, whoever wrote it.
 *
 * When a write buffer is full, RocksDB moves on to a new log file. The old one must be synced before anything in the new
 * one counts as durable, because recovery replays them in order. So a sync goes through all files from the last one synced
 * on, in order. RocksDB may have removed some; it does so when their contents are in synced table files.
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
      // Windows does not let us open the log for writing: flush to table files, which RocksDB syncs.
      if (!isSharingViolation(error)) throw error;
      await this.db.flush();
    }
  }

  async close(): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    this.number = -1;
  }

  /** Syncs the files after the last one synced, and keeps the newest open. */
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
