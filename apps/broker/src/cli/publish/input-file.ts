import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { InvalidArgumentError } from '@genrocks/storage';
import { pathReason } from '../../path-reasons.js';
import { PositionMismatchError } from '../position-errors.js';
import { PositionFile } from '../position-file.js';
import type { Ahead } from './publish-progress.js';
import type { Format } from './record-reader.js';

/** How much of an input has been published. */
export interface PublishPosition {
  readonly version: 1;
  readonly topic: string;
  /** Detects another topic of the same name: on another broker, or created since. */
  readonly topic_id: string;
  readonly format: Format;
  /** Bytes and records of the input that have been published. */
  readonly bytes: number;
  readonly records: number;
  /** Hash of the bytes before the position; detects another file of the same name. */
  readonly fingerprint: string;
  /** Records beyond the position that have been published too, and a hash that detects changes to them. */
  readonly ahead?: (Ahead & { readonly fingerprint: string }) | undefined;
  /** Column names of CSV. */
  readonly columns?: readonly string[] | undefined;
  /** Identifies this run; unchanged when it is resumed. */
  readonly run: string;
}

/** Bytes before a position that are compared when resuming. */
const FINGERPRINT_BYTES = 4096;

/** A file to publish, and the position file beside it. */
export class InputFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    readonly position: PositionFile<PublishPosition>,
  ) {}

  /** @throws `INVALID_ARGUMENT` if the path is not a regular file */
  static async open(path: string, topic: string, positionPath?: string): Promise<InputFile> {
    const refuse = (error: NodeJS.ErrnoException) => {
      throw new InvalidArgumentError(`--file: ${path} cannot be read: ${pathReason(error)}`);
    };
    const found = await stat(path).catch(refuse);
    if (!found.isFile())
      throw new InvalidArgumentError(`--file: ${path} is not a regular file; pipe it in with --file -`);
    await access(path, constants.R_OK).catch(refuse);
    const own = `${path}.${topic.replaceAll('/', '~')}.position`;
    return new InputFile(path, found.size, new PositionFile(positionPath ?? own));
  }

  stream(start: number): Readable {
    return createReadStream(this.path, { start, highWaterMark: 1 << 20 });
  }

  /**
   * Where an earlier run stopped, if there was one.
   * @param topicId undefined if the topic does not exist now
   * @throws `POSITION_MISMATCH` if the position belongs to another file, topic or format
   */
  async resume(
    topic: string,
    topicId: string | undefined,
    format: Format,
  ): Promise<PublishPosition | undefined> {
    const position = await this.position.read();
    if (position === undefined) return undefined;
    const { path } = this.position;
    if (position.topic !== topic)
      throw new PositionMismatchError(path, `it belongs to topic ${position.topic}`);
    if (position.topic_id !== topicId)
      throw new PositionMismatchError(path, `${topic} was deleted or created again, or is on another broker`);
    if (position.format !== format)
      throw new PositionMismatchError(path, `it is for format ${position.format}`);
    const { ahead } = position;
    if (
      (await this.fingerprint(position.bytes)) !== position.fingerprint ||
      (ahead !== undefined && (await this.fingerprint(ahead.bytes, position.bytes)) !== ahead.fingerprint)
    )
      throw new PositionMismatchError(path, `${this.path} has changed`);
    return position;
  }

  /**
   * Hash of the bytes before a position; empty if the file ends before it.
   * @param from start of the hashed bytes; by default only a piece at the end is hashed
   */
  async fingerprint(position: number, from = Math.max(0, position - FINGERPRINT_BYTES)): Promise<string> {
    const length = position - from;
    const file = await open(this.path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, from);
      return bytesRead < length ? '' : createHash('sha256').update(buffer).digest('hex');
    } finally {
      await file.close();
    }
  }
}
