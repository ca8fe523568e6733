import { type FileHandle, open, stat } from 'node:fs/promises';
import { InvalidArgumentError } from '@genrocks/storage';
import type { PartitionOffsetJson } from '../client/api.types.js';
import { PositionFile } from '../position-file.js';
import { PositionMismatchError } from '../position-errors.js';
import { writing } from '../write-errors.js';
import type { OutFormat } from './message-writer.js';

/** What an output file holds. */
export interface ConsumePosition {
  readonly version: 1;
  readonly topic: string;
  readonly topic_id: string;
  readonly format: OutFormat;
  readonly columns?: readonly string[];
  /** Bytes of the file that hold whole messages; anything after them is written again. */
  readonly bytes: number;
  /** The offset after the last message in the file, for each partition. */
  readonly offsets: readonly PartitionOffsetJson[];
}

export interface OutFileOptions {
  readonly path: string;
  readonly positionPath?: string | undefined;
  readonly restart: boolean;
  /** What must be the same when the file is resumed. */
  readonly content: Pick<ConsumePosition, 'topic' | 'topic_id' | 'format' | 'columns'>;
  /** Header of a new file. */
  readonly head: string;
}

/**
 * A file to which each message is written once, whenever the process is killed. A position file beside it records a
 * length up to which the file is on stable storage, and the offsets up to there. To resume, the file is cut to that
 * length, and reading continues at those offsets.
 */
export class OutFile {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly position: PositionFile<ConsumePosition>,
    private readonly content: OutFileOptions['content'],
    private length: number,
    /** Where an earlier run stopped; undefined for a new file. */
    readonly resumed: ConsumePosition | undefined,
    /** Bytes that were written after the recorded position, and are cut off. */
    readonly cut: number,
  ) {}

  /** @throws `INVALID_ARGUMENT` for a file that this command did not write, `POSITION_MISMATCH`, `WRITE_FAILED` */
  static async open(options: OutFileOptions): Promise<OutFile> {
    const { path, content, head, restart } = options;
    const position = new PositionFile<ConsumePosition>(options.positionPath ?? `${path}.position`);
    if (restart) await position.remove();
    const before = await position.read();
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === false)
      throw new InvalidArgumentError(
        `--out: ${path} is not a file; name a file, or omit --out to write to standard output`,
      );
    const size = found?.size ?? 0;
    if (before === undefined && size > 0 && !restart)
      throw new InvalidArgumentError(
        `--out: ${path} exists, but ${position.path} does not; overwrite it with --restart, or name another file`,
      );
    if (before !== undefined) assertFits(before, content, position.path, size);
    const file = await writing(path, () => open(path, 'a'));
    try {
      const length = before?.bytes ?? 0;
      await writing(path, () => file.truncate(length));
      const out = new OutFile(path, file, position, content, length, before, Math.max(0, size - length));
      if (before === undefined) {
        await out.append(head);
        await out.checkpoint([]);
      }
      return out;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async append(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await writing(this.path, () => this.file.appendFile(bytes));
    this.length += bytes.length;
  }

  /** Records that everything up to these offsets is durable in the file. */
  async checkpoint(offsets: readonly PartitionOffsetJson[]): Promise<void> {
    await writing(this.path, () => this.file.datasync());
    await this.position.write({ version: 1, ...this.content, bytes: this.length, offsets });
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}

function assertFits(
  before: ConsumePosition,
  content: OutFileOptions['content'],
  path: string,
  size: number,
): void {
  const refuse = (reason: string) => {
    throw new PositionMismatchError(path, reason);
  };
  if (before.topic !== content.topic) refuse(`it belongs to topic ${before.topic}`);
  if (before.topic_id !== content.topic_id) refuse(`topic ${content.topic} was deleted and created again`);
  if (before.format !== content.format) refuse(`the file is in ${before.format}`);
  if (before.columns?.join() !== content.columns?.join())
    refuse(`the file has columns ${before.columns?.join()}`);
  if (size < before.bytes) refuse(`the file has ${size} bytes, but had ${before.bytes}`);
}
