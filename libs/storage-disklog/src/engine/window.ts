import type { ByteWindow } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';

/** Bytes read at a time; what is asked for in one piece is read whole. */
const CHUNK = 1 << 20;
const NOTHING = Buffer.alloc(0);

/**
 * A moving view of a file. With `readsAhead`, for one that is read from one end to the other, what follows is on its
 * way while what was read is worked on; {@link settled} has to be awaited before the file is closed.
 */
export class Window implements ByteWindow {
  private buffer: Buffer = NOTHING;
  private start = 0;
  private ahead: { readonly at: number; readonly bytes: Promise<Buffer> } | undefined;

  constructor(
    private readonly file: Pick<FileHandle, 'read'>,
    readonly size: number,
    private readonly chunk = CHUNK,
    private readonly readsAhead = false,
  ) {}

  /** Like {@link view}, for a few bytes somewhere ahead: the window stays where it is. */
  async peek(at: number, length: number): Promise<Buffer> {
    return this.held(at, length) ?? (await this.read(at, length));
  }

  /** These bytes if they have been read already, all of them. */
  held(at: number, length: number): Buffer | undefined {
    const offset = at - this.start;
    if (offset < 0 || offset + length > this.buffer.length) return undefined;
    return this.buffer.subarray(offset, offset + length);
  }

  heldFrom(at: number): Buffer {
    const offset = at - this.start;
    return offset < 0 || offset > this.buffer.length ? NOTHING : this.buffer.subarray(offset);
  }

  /** Up to `length` bytes from a position, fewer only at the end of the file. */
  async view(at: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - at);
    const held = this.held(at, wanted);
    if (held !== undefined) return held;
    const end = this.start + this.buffer.length;
    const follows = this.buffer.length > 0 && at >= this.start && at <= end;
    // Never taken apart in place: entries that were handed out are views of it.
    const kept = follows ? this.buffer.subarray(at - this.start) : NOTHING;
    const rest = await this.behind(at + kept.length, wanted - kept.length);
    this.buffer = kept.length === 0 ? rest : Buffer.concat([kept, rest]);
    this.start = at;
    // Who has read one stretch may be done; who reads a second one behind it is likely to want them all.
    if (follows && this.readsAhead) this.readAhead(wanted);
    return this.buffer.subarray(0, wanted);
  }

  /** Resolves when nothing is being read. */
  async settled(): Promise<void> {
    await this.ahead?.bytes.catch(() => undefined);
  }

  /** The bytes from a position on: `wanted` of them, or more where they are at hand. */
  private async behind(at: number, wanted: number): Promise<Buffer> {
    const { ahead } = this;
    if (ahead?.at !== at) await this.settled();
    this.ahead = undefined;
    const known = ahead?.at === at ? await ahead.bytes : undefined;
    if (known === undefined) return this.read(at, Math.max(wanted, this.chunk));
    if (known.length >= wanted) return known;
    return Buffer.concat([known, await this.read(at + known.length, wanted - known.length)]);
  }

  private readAhead(wanted: number): void {
    const at = this.start + this.buffer.length;
    if (at >= this.size || this.buffer.length === 0) return;
    const bytes = this.read(at, Math.max(wanted, this.chunk));
    // Told to whoever comes for the bytes.
    bytes.catch(() => undefined);
    this.ahead = { at, bytes };
  }

  private async read(at: number, length: number): Promise<Buffer> {
    const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - at)));
    let filled = 0;
    while (filled < target.length) {
      const count = await this.file.read(target, filled, target.length - filled, at + filled);
      if (count === 0) break;
      filled += count;
    }
    return target.subarray(0, filled);
  }
}
