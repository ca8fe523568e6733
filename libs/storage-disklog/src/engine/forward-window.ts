import type { ByteWindow } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';
import { NOTHING, ReadBytes, readInto } from './window.js';

/** Most bytes read ahead, however large the items are. A larger item is read whole when it is asked for. */
const MAX_AHEAD = 4 << 20;

/**
 * A view of a file that is read from start to end: the next stretch is read while one is processed. Await
 * {@link settled} before the file is closed.
 *
 * Bytes that were read are never moved, because entries that were handed out are views of them. An item that spans
 * two stretches is made whole in front of the second one, which has room for it.
 */
export class ForwardWindow extends ReadBytes implements ByteWindow {
  private ahead: { readonly at: number; readonly stretch: Promise<Stretch> } | undefined;
  /** The longest piece asked for so far; in effect, the longest item. */
  private longest = 0;

  /**
   * @param size nothing after it is read
   * @param chunk bytes read at a time
   * @param first bytes of the first read, for callers that may want little
   */
  constructor(
    private readonly file: Pick<FileHandle, 'read'>,
    readonly size: number,
    private readonly chunk: number,
    private readonly first = chunk,
  ) {
    super();
  }

  async peek(at: number, length: number): Promise<Buffer> {
    return this.held(at, length) ?? (await this.read(at, 0, length)).behind(NOTHING);
  }

  async view(at: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - at);
    this.longest = Math.max(this.longest, wanted);
    const held = this.held(at, wanted);
    if (held !== undefined) return held;
    const follows = this.reaches(at);
    let bytes = follows ? this.buffer.subarray(at - this.start) : NOTHING;
    const least = follows ? this.chunk : this.first;
    while (bytes.length < wanted) {
      const stretch = await this.next(at + bytes.length, bytes.length, wanted - bytes.length, least);
      if (stretch.length === 0) break;
      bytes = stretch.behind(bytes);
    }
    this.buffer = bytes;
    this.start = at;
    // A caller that has read one stretch may be done; one that reads a second is likely to want them all.
    if (follows) this.readAhead();
    return bytes.subarray(0, wanted);
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    await this.ahead?.stretch.catch(() => undefined);
  }

  private async next(at: number, room: number, wanted: number, least: number): Promise<Stretch> {
    const { ahead } = this;
    if (ahead?.at !== at) await this.settled();
    this.ahead = undefined;
    return ahead?.at === at ? ahead.stretch : this.read(at, room, Math.max(wanted, least));
  }

  private readAhead(): void {
    const at = this.start + this.buffer.length;
    if (at >= this.size || this.buffer.length === 0) return;
    const { chunk, longest } = this;
    // Items larger than a chunk are mostly of similar size; reading one at a time spares putting them together.
    const length = longest <= chunk ? chunk : Math.max(chunk, Math.min(longest, MAX_AHEAD));
    const stretch = this.read(at, Math.min(longest, chunk >> 2), length);
    // The reader that comes for the bytes gets the error.
    stretch.catch(() => undefined);
    this.ahead = { at, stretch };
  }

  /** @param room bytes left free in front */
  private async read(at: number, room: number, length: number): Promise<Stretch> {
    const target = Buffer.allocUnsafe(room + Math.max(0, Math.min(length, this.size - at)));
    return new Stretch(target, room, await readInto(this.file, at, target, room));
  }
}

/** Bytes read in one go, with room in front of them. */
class Stretch {
  constructor(
    private readonly target: Buffer,
    private readonly room: number,
    private readonly end: number,
  ) {}

  get length(): number {
    return this.end - this.room;
  }

  /** These bytes, preceded by those that stand before them in the file. */
  behind(bytes: Buffer): Buffer {
    const { target, room, end } = this;
    if (bytes.length > room) return Buffer.concat([bytes, target.subarray(room, end)]);
    bytes.copy(target, room - bytes.length);
    return target.subarray(room - bytes.length, end);
  }
}
