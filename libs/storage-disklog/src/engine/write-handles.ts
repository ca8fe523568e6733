import type { FileHandle } from '../io/file-system.js';
import { taken } from '../io/write-all.js';

const NOTHING: readonly Buffer[] = [];

/**
 * The handles that a file is written through: one, and a second if two durable writes may be in flight at once. Each
 * such write needs a handle of its own: Linux reports a failed write-back once per open file, so on a shared handle
 * one write could get the error of the other, which would then appear to succeed.
 */
export class WriteHandles {
  private second: FileHandle | undefined;
  private openingSecond: Promise<void> | undefined;
  private isFirstBusy = false;
  private syncing: Promise<void> | undefined;
  private closed = false;

  /** @param openSecond opens another handle like the first; undefined if writes never overlap */
  constructor(
    private readonly first: FileHandle,
    private readonly openSecond: (() => Promise<FileHandle>) | undefined,
  ) {}

  /**
   * Whether a write may start while another one is under way. If it may but the second handle is not open yet, opens
   * it for the next time.
   */
  get canOverlap(): boolean {
    if (this.second !== undefined) return true;
    this.openingSecond ??= this.openSecond?.().then(
      (handle) => void (this.second = handle),
      // Most likely out of descriptors: one write at a time works as well.
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

  /** Like {@link write}, synchronously, for writes that need not be durable by themselves. */
  writeSync(bytes: Buffer, at: number): void {
    for (let written = 0; written < bytes.length;) {
      written += taken(this.first.writeSync(bytes, written, bytes.length - written, at + written));
    }
  }

  /** Makes what was written durable. Writes may go on meanwhile; syncs run one at a time. */
  sync(): Promise<void> {
    const before = this.syncing ?? Promise.resolve();
    const syncing = before.then(() => this.first.sync());
    this.syncing = syncing;
    return syncing;
  }

  /** Size of the file, including anything after its items. */
  size(): number {
    return this.first.sizeSync();
  }

  truncate(size: number): Promise<void> {
    return this.first.truncate(size);
  }

  /** Closes the handles once their operations have ended; only the first call does so. */
  async close(): Promise<void> {
    await this.openingSecond;
    // Callers of a sync that fails are told; here it only has to be over.
    await this.syncing?.catch(() => undefined);
    // A second close would close whatever file has got the descriptor's number meanwhile.
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
