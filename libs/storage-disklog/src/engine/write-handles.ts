import type { FileHandle } from '../io/file-system.js';
import { taken } from '../io/write-all.js';

const NOTHING: readonly Buffer[] = [];

/**
 * The handles that a file is written through: one, and a second where two durable writes may be under way at once.
 * These need handles of their own: Linux tells each open file of a failed write-back once, so on a shared one the second
 * sync could take the first one's error for its own.
 */
export class WriteHandles {
  private second: FileHandle | undefined;
  private openingSecond: Promise<void> | undefined;
  private isFirstBusy = false;
  private syncing: Promise<void> | undefined;
  private closed = false;

  /** @param openSecond opens one more handle like the first; undefined where writes never overlap */
  constructor(
    private readonly first: FileHandle,
    private readonly openSecond: (() => Promise<FileHandle>) | undefined,
  ) {}

  /**
   * May a write start while another one is under way? Where it may, but the handle for it is not there yet, that is
   * opened for the next time.
   */
  get canOverlap(): boolean {
    if (this.second !== undefined) return true;
    this.openingSecond ??= this.openSecond?.().then(
      (handle) => void (this.second = handle),
      // Out of descriptors, most likely: one write after the other does as well.
      () => undefined,
    );
    return false;
  }

  /**
   * Writes all bytes, one piece after the other, through a handle that no other write is using.
   * @throws the system's error; a short count without an error (a full device) as ENOSPC
   */
  async write(pieces: readonly Buffer[], at: number): Promise<void> {
    const isFirst = !this.isFirstBusy;
    const handle = isFirst ? this.first : this.second!;
    if (isFirst) this.isFirstBusy = true;
    try {
      for (let left = pieces; left.length > 0;) {
        const [only] = left;
        const count = taken(
          left.length > 1 ? await handle.writev(left, at) : await handle.write(only!, 0, only!.length, at),
        );
        at += count;
        left = behind(left, count);
      }
    } finally {
      if (isFirst) this.isFirstBusy = false;
    }
  }

  /** Like {@link write}, at once, where writes are not durable by themselves. */
  writeSync(bytes: Buffer, at: number): void {
    for (let written = 0; written < bytes.length;) {
      written += taken(this.first.writeSync(bytes, written, bytes.length - written, at + written));
    }
  }

  /** Makes what was written durable. Writes may go on meanwhile; syncs go one after the other. */
  sync(): Promise<void> {
    const before = this.syncing ?? Promise.resolve();
    const syncing = before.then(() => this.first.sync());
    this.syncing = syncing;
    return syncing;
  }

  /** Bytes of the file, with whatever stands after its items. */
  size(): number {
    return this.first.sizeSync();
  }

  truncate(size: number): Promise<void> {
    return this.first.truncate(size);
  }

  /** Closes the handles once they have done what they are doing; only the first call does. */
  async close(): Promise<void> {
    await this.openingSecond;
    // Who asked for a sync that fails is told; here it only has to be over.
    await this.syncing?.catch(() => undefined);
    // A second close would close whatever has got the descriptor's number meanwhile.
    if (this.closed) return;
    this.closed = true;
    await this.second?.close();
    await this.first.close();
  }
}

/** The pieces without their first `bytes` bytes. */
function behind(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let done = 0;
  while (done < pieces.length && bytes >= pieces[done]!.length) bytes -= pieces[done++]!.length;
  if (done === pieces.length) return NOTHING;
  return [pieces[done]!.subarray(bytes), ...pieces.slice(done + 1)];
}
