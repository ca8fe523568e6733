import type { EntryWrite } from '../format/entry.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import { KeyProbe } from './key-probe.js';
import { MemoryKeys } from './memory-keys.js';
import { Window } from './window.js';

/** What is left to copy when writers are made to wait. */
const LAST_BYTES = 256 << 10;
/** A log below this size is not worth compacting by itself. */
const MIN_BYTES = 1 << 20;

/** Would compaction reclaim most of the log? */
export function worthCompacting(file: LogFile): boolean {
  return file.end > MIN_BYTES && file.entries > 4 * file.keys.size + 1000;
}

/**
 * Rewrites a log of one file so that it holds the newest value of every key and nothing else.
 *
 * The old file is read from its start. An entry is copied if it is still its key's newest when it is met; one that is
 * overwritten later stands again further on, and so does a tombstone that came after a copied value. Tombstones met
 * before that have nothing left to hide. Writers wait only for the last stretch; then one rename puts the new file in
 * place. A crash before it leaves the old file as it is.
 */
export async function compact(fs: FileSystem, log: LogDirectory, writer: LogWriter): Promise<void> {
  const source = log.current.file.hold();
  const copy = new Copy(source, source.generation + 1);
  try {
    await copy.open(fs, log.names.compacted);
    while (source.end - copy.copiedTo > LAST_BYTES) await copy.upTo(source.end);
    await writer.exclusive(async () => {
      // A truncation may have come first; the copy is of a file that is gone then.
      if (log.current.file !== source) return;
      if (writer.failed !== undefined) throw writer.failed;
      await copy.upTo(source.end);
      const finished = await copy.finish();
      await log.replace(log.names.compacted, finished.keys, finished.end, finished.items);
    });
  } finally {
    await copy.close();
    await source.release();
    // A name of its own: a truncation meanwhile makes its new file under the name for those.
    await fs.unlink(log.names.compacted);
  }
}

/** The new file while it is written. */
class Copy {
  copiedTo: number;
  private readonly keys = new MemoryKeys();
  private handle: FileHandle | undefined;
  private chunks: Buffer[] = [];
  private buffered = 0;
  private end: number;
  private items = 0;

  constructor(
    private readonly source: LogFile,
    private readonly generation: number,
  ) {
    this.copiedTo = this.end = source.format.headBytes;
  }

  async open(fs: FileSystem, path: string): Promise<void> {
    this.handle = await fs.open(path, { write: true, create: true });
    await this.write(this.source.format.fileHead('opened'), 0);
  }

  async upTo(end: number): Promise<void> {
    const window = new Window(this.source.handle, end);
    // Fixed before the first item is met: what is overwritten from here on is copied again behind it.
    while (this.copiedTo < end) {
      const found = await this.source.format.itemAt(window, this.copiedTo);
      if ('reason' in found) throw this.source.rotten(this.copiedTo, end - this.copiedTo, found.reason);
      const { item, frame } = found;
      const sequence = item.trailer?.sequence ?? 0;
      for (let index = 0; index < item.entries.length; index++) {
        const entry = item.entries[index]!;
        if (this.isNeeded(entry, frame.start, index)) this.add(entry, entry.timestamp, sequence);
      }
      this.copiedTo = frame.end;
      if (this.buffered >= 1 << 20) await this.flush();
    }
    await this.flush();
  }

  async finish(): Promise<{ keys: MemoryKeys; end: number; items: number }> {
    await this.flush();
    await this.handle!.sync();
    return { keys: this.keys, end: this.end, items: this.items };
  }

  async close(): Promise<void> {
    await this.handle?.close();
  }

  private isNeeded(entry: EntryWrite, at: number, index: number): boolean {
    const key = entry.key.toString('latin1');
    const newest = this.source.keys.get(new KeyProbe(key));
    if (newest === undefined || newest.at !== at || newest.index !== index) return false;
    // A tombstone matters only where the copy already holds the value it deletes.
    return entry.value !== undefined || this.keys.get({ key }) !== undefined;
  }

  private add(entry: EntryWrite, timestamp: number, sequence: number): void {
    const { format } = this.source;
    const entries = [entry];
    const size = format.itemSize(entries);
    const bytes = Buffer.allocUnsafe(size);
    const at = this.end;
    // The copy takes the log's place only when all of it is stored, so a gap in it is rot, never a torn write.
    format.writeItem(entries, timestamp, { generation: this.generation, sequence, synced: at }, bytes, 0, at);
    this.chunks.push(bytes);
    this.buffered += size;
    this.end += size;
    this.items++;
    const key = entry.key.toString('latin1');
    const deleted = entry.value === undefined;
    this.keys.set(key, { at, length: size, index: 0, deleted, inner: 0, innerLength: 0, crc: 0 });
  }

  private async flush(): Promise<void> {
    if (this.buffered === 0) return;
    const bytes = Buffer.concat(this.chunks, this.buffered);
    await this.write(bytes, this.end - this.buffered);
    this.chunks = [];
    this.buffered = 0;
  }

  private async write(bytes: Buffer, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.handle!.write(bytes, at, bytes.length - at, position + at);
      if (count === 0) throw Object.assign(new Error('no room for compaction'), { code: 'ENOSPC' });
      at += count;
    }
  }
}
