import type { StoreEvent } from '@genrocks/storage';
import { writeIndexFile } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { CurrentFile, type FileDoors } from './current-file.js';
import { replaceFile, withDirectory } from './durable-files.js';
import { LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import type { LogNames } from './names.js';
import { Truncation } from './truncation.js';

export interface DirectoryOptions {
  readonly type: 'halt' | 'wrap' | 'compact';
  readonly format: LogFormat;
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly repair: 'truncate' | false;
  /** Every write waits for the device. */
  readonly durable: boolean;
  /** The topmost directory whose name belongs to the log. */
  readonly base: string;
  readonly onEvent: (event: StoreEvent) => void;
}

/** Makes and removes the files of a log; shared by opening and changing it. */
export class FileMaker {
  constructor(
    readonly fs: FileSystem,
    readonly names: LogNames,
    readonly options: DirectoryOptions,
  ) {}

  get firstNumber(): number {
    return this.options.type === 'wrap' ? 1 : 0;
  }

  /** Puts a small file in place, whole and durable. */
  put(path: string, bytes: Buffer, temporary = this.names.unfinished): Promise<void> {
    return replaceFile(this.fs, path, bytes, temporary, this.names.directory);
  }

  /** Makes the first, empty file of a log. */
  async createFirst(): Promise<void> {
    const { names } = this;
    const index = writeIndexFile({ current: 1, counts: [0] });
    if (this.options.type === 'wrap') await this.put(names.index, index, names.unfinishedIndex);
    await this.put(names.file(this.firstNumber), this.options.format.fileHead('opened'));
  }

  async openEmpty(number: number, generation: number): Promise<CurrentFile> {
    return this.emptyFile(number, generation, await this.openWriter(this.names.file(number)));
  }

  emptyFile(number: number, generation: number, writer: FileHandle): CurrentFile {
    const path = this.names.file(number);
    const keys = new MemoryKeys();
    const handle = new PooledFile(this.fs, path);
    const { format } = this.options;
    const end = format.headBytes;
    const { onEvent } = this.options;
    const file = new LogFile(path, number, generation, format, handle, keys, end, 0, 0, [], onEvent);
    file.isOurs = true;
    return this.makeCurrent(file, keys, writer, end);
  }

  makeCurrent(file: LogFile, keys: MemoryKeys, writer: FileHandle, size: number): CurrentFile {
    return new CurrentFile(file, keys, writer, this.doorsOf(file.path), this.options.maxBytes, size);
  }

  openWriter(path: string): Promise<FileHandle> {
    return this.fs.open(path, { write: true, durable: this.options.durable });
  }

  private doorsOf(path: string): FileDoors {
    const { durable, format } = this.options;
    const open = (options: { durable: boolean }) => this.fs.open(path, { write: true, ...options });
    return { durable, open: format.zerosAhead ? open : undefined };
  }

  /** Completes a truncation that a crash interrupted; its marker is still there. */
  finishTruncation(): Promise<void> {
    return withDirectory(this.fs, this.names.directory, async (syncNames) => {
      const truncation = new Truncation(this, syncNames);
      try {
        await truncation.prepare();
        await truncation.removeFiles();
        const writer = await truncation.finish();
        await writer.close();
      } finally {
        await truncation.abandon();
      }
    });
  }
}
