import type { ByteWindow } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';

/** Bytes read at a time; a larger piece that is asked for is read whole. */
const CHUNK = 1 << 20;
export const NOTHING = Buffer.alloc(0);

/** The bytes of a file read so far, in one stretch. */
export class ReadBytes {
  protected buffer: Buffer = NOTHING;
  /** Where in the file it begins. */
  protected start = 0;

  /** These bytes, if all of them have been read already. */
  held(at: number, length: number): Buffer | undefined {
    const offset = at - this.start;
    if (offset < 0 || offset + length > this.buffer.length) return undefined;
    return this.buffer.subarray(offset, offset + length);
  }

  heldFrom(at: number): Buffer {
    const offset = at - this.start;
    return offset < 0 || offset > this.buffer.length ? NOTHING : this.buffer.subarray(offset);
  }

  /** Whether a position lies in it, or right after it. */
  protected reaches(at: number): boolean {
    return this.buffer.length > 0 && at >= this.start && at <= this.start + this.buffer.length;
  }
}

/**
 * Reads a file from position `at` into a buffer, from index `from`.
 * @returns the index after the bytes read, less than the buffer's length only at the end of the file
 */
export async function readInto(
  file: Pick<FileHandle, 'read'>,
  at: number,
  target: Buffer,
  from: number,
): Promise<number> {
  let filled = from;
  while (filled < target.length) {
    const count = await file.read(target, filled, target.length - filled, at + filled - from);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/** A moving view of a file, for random access; {@link ForwardWindow} is for sequential reads. */
export class Window extends ReadBytes implements ByteWindow {
  /** @param beginning bytes of the file that were read already */
  constructor(
    private readonly file: Pick<FileHandle, 'read'>,
    readonly size: number,
    private readonly chunk = CHUNK,
    beginning: Buffer = NOTHING,
  ) {
    super();
    this.buffer = beginning;
  }

  /** Like {@link view}, for a few bytes somewhere ahead: the window does not move. */
  async peek(at: number, length: number): Promise<Buffer> {
    return this.held(at, length) ?? (await this.read(at, length));
  }

  /** Up to `length` bytes from a position, fewer only at the end of the file. */
  async view(at: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - at);
    const held = this.held(at, wanted);
    if (held !== undefined) return held;
    // Never changed in place: entries that were handed out are views of it.
    const kept = this.reaches(at) ? this.buffer.subarray(at - this.start) : NOTHING;
    const missing = wanted - kept.length;
    const rest = await this.read(at + kept.length, Math.max(missing, this.chunk));
    this.buffer = kept.length === 0 ? rest : Buffer.concat([kept, rest]);
    this.start = at;
    return this.buffer.subarray(0, wanted);
  }

  private async read(at: number, length: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - at)));
    return target.subarray(0, await readInto(this.file, at, target, 0));
  }
}
