import { join } from 'node:path';
import type { StoreEvent } from '@genrocks/storage';
import { writeIndexFile } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { CurrentFile, type FileDoors } from './current-file.js';
import { replaceFile } from './durable-files.js';
import { LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import { type LogNames, segmentNumber, withoutIndex, wrapNumber } from './names.js';

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

/** Makes and removes the files of a log; what opening it and changing it have in common. */
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

  /** The first half of a truncation, its marker standing. */
  async removeFiles(): Promise<void> {
    const { fs, names } = this;
    await fs.unlink(names.end);
    await fs.unlink(names.left);
    await fs.unlink(names.segments);
    await fs.unlink(names.halt);
    const numberOf = this.options.type === 'compact' ? segmentNumber : wrapNumber;
    // Generations may begin anew, so an index that lost its file must not wait here for another file of its number.
    for (const { name } of await fs.readdir(names.directory)) {
      if (numberOf(withoutIndex(name)) !== undefined) await fs.unlink(join(names.directory, name));
    }
    await fs.syncDirectory(names.directory);
  }

  /** The second half. */
  async finishTruncation(): Promise<void> {
    const { fs, names } = this;
    await this.createFirst();
    await fs.unlink(names.truncation);
    await fs.syncDirectory(names.directory);
  }
}
