import type { Entry } from '../format/entry.js';
import type { OnPlaced } from '../format/entry-layout.js';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';
import { MemoryKeys } from './memory-keys.js';

/** Bytes gathered before they are written. */
const CHUNK = 1 << 20;

/** Writes a log file out of items of others, before it becomes part of the log. */
export class SegmentWriter {
  readonly keys = new MemoryKeys();
  private readonly onPlaced: OnPlaced = (key, slot) => this.keys.set(key, slot);
  items = 0;
  entries = 0;
  lastSequence = 0;
  private chunks: Buffer[] = [];
  private buffered = 0;
  private closed = false;

  private constructor(
    private readonly handle: FileHandle,
    private readonly format: LogFormat,
    readonly generation: number,
    private position: number,
  ) {}

  /** @param status what the file's head is to say */
  static async create(
    fs: FileSystem,
    path: string,
    format: LogFormat,
    generation: number,
    status: 'opened' | 'closed',
  ): Promise<SegmentWriter> {
    const handle = await fs.open(path, { write: true, create: true });
    const writer = new SegmentWriter(handle, format, generation, format.headBytes);
    const head = format.fileHead(status);
    try {
      await writeAll(handle, head, 0);
      return writer;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** Where the next item will stand. */
  get end(): number {
    return this.position;
  }

  /**
   * Adds what is left of an item, as one item, since its entries share one sequence number. If it returns a promise,
   * enough has gathered to be written: await it before the next call.
   */
  add(entries: readonly Entry[], sequence: number): void | Promise<void> {
    const { timestamp } = entries[0]!;
    const same = entries.findIndex((entry) => entry.timestamp !== timestamp);
    // Erlang may put entries with different times into one list.
    if (same > 0) return this.addParts([entries.slice(0, same), entries.slice(same)], sequence);
    const { format, generation, position: at } = this;
    const length = format.itemSize(entries);
    const bytes = Buffer.allocUnsafe(length);
    // The file counts only once all of it is stored, so a gap in it is rot, never a torn write.
    format.writeItem(entries, timestamp, { generation, sequence, synced: at }, bytes, 0, at);
    format.placeEntries(bytes, 0, length, at, this.onPlaced);
    this.chunks.push(bytes);
    this.buffered += length;
    this.position += length;
    this.items++;
    this.entries += entries.length;
    this.lastSequence = Math.max(this.lastSequence, sequence);
    if (this.buffered >= CHUNK) return this.flush();
  }

  private async addParts(parts: readonly (readonly Entry[])[], sequence: number): Promise<void> {
    for (const part of parts) await this.add(part, sequence);
  }

  async flush(): Promise<void> {
    if (this.buffered === 0) return;
    const bytes = Buffer.concat(this.chunks, this.buffered);
    await writeAll(this.handle, bytes, this.position - this.buffered);
    this.chunks = [];
    this.buffered = 0;
  }

  /** Makes everything added durable; the file's name need not be. */
  async finish(): Promise<void> {
    await this.flush();
    await this.handle.sync();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.handle.close();
  }
}
