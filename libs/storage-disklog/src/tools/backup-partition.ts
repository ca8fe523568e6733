import { createHash } from 'node:crypto';
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { writeIndexFile, writeSizeFile } from '../format/headers.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { writeLogEnd } from '../engine/log-end.js';
import { writeSegmentList } from '../engine/segment-list.js';
import { nodeFileSystem } from '../io/file-system.js';
import { COPY_BYTES, DurableWriter } from './durable.js';
import { extentOf, stepsOf } from './file-steps.js';
import type { LogSnapshot } from './log-snapshot.js';
import type { SnapshotFile } from './snapshot-file.js';
import type { BackupFile } from './manifest.js';
import { ReadHandle, sizeOf } from './read-handle.js';

/**
 * Copies the files of one log from a snapshot. Older files are copied as they are; the newest one up to the end of
 * its items, and marked closed, so that the copy opens without repair, in Erlang too.
 */
export class PartitionBackup {
  private readonly files: BackupFile[] = [];
  private readonly counts: number[];
  private damagedRanges = 0;
  private reused = 0;

  constructor(
    private readonly snapshot: LogSnapshot,
    private readonly directory: string,
    private readonly previousDirectory: string,
    private readonly previous: readonly BackupFile[],
  ) {
    this.counts = [...(snapshot.index?.counts ?? [])];
  }

  async run(): Promise<{ files: BackupFile[]; damagedRanges: number; reused: number }> {
    const { snapshot } = this;
    for (const file of snapshot.files) {
      if (file.isCurrent) await this.copyCurrent(file);
      else {
        await this.copyWhole(file.name, file.handle, file.size, file.generation);
        await this.copyKeyIndex(file);
      }
    }
    const current = snapshot.files.at(-1);
    if (snapshot.type === 'wrap' && current !== undefined) {
      const counts = Array.from(
        { length: Math.max(this.counts.length, current.number) },
        (_, i) => this.counts[i] ?? 0,
      );
      await this.write('log.idx', writeIndexFile({ current: current.number, counts }));
    }
    if (snapshot.segments !== undefined)
      await this.write('log.segments', writeSegmentList(snapshot.segments));
    if (snapshot.limits !== undefined) await this.write('log.siz', writeSizeFile(snapshot.limits));
    const { files, damagedRanges, reused } = this;
    return { files, damagedRanges, reused };
  }

  private async copyCurrent(file: SnapshotFile): Promise<void> {
    const { end: extent } = await extentOf(file);
    let items = 0;
    let end = Math.min(file.format.headBytes, extent);
    let generation = file.generation;
    let lastSequence = 0;
    for await (const step of stepsOf(file, extent)) {
      if (step.type === 'damage') {
        this.damagedRanges++;
        continue;
      }
      items++;
      end = step.frame.end;
      generation = step.item.trailer?.generation ?? generation;
      lastSequence = step.item.trailer?.sequence ?? lastSequence;
    }
    // Damage after the last item of a closed file stays in place, since it was data once.
    const length = file.status === 'opened' ? end : extent;
    const head = file.status === 'opened' ? file.format.fileHead('closed') : undefined;
    await this.copy(file.name, file.handle, length, generation, head);
    if (this.snapshot.type === 'wrap') this.counts[file.number - 1] = items;
    const isBare = file.format.headBytes === 0;
    // For a file without a head, this alone says that it was closed, and where. An empty one has no generation yet.
    if (isBare) end = length;
    else if (generation === undefined || file.status === undefined) return;
    const facts = { number: file.number, generation: generation ?? 0, end, items, lastSequence };
    await this.write('log.end', writeLogEnd(facts));
  }

  /** Copies a file that does not change, or takes it over from the previous backup. */
  private async copyWhole(
    name: string,
    handle: ReadHandle,
    size: number,
    generation: number | undefined,
  ): Promise<void> {
    const known = this.previous.find((file) => file.name === name);
    // Without a generation nothing tells whether it is the same file.
    const isSame =
      known !== undefined &&
      generation !== undefined &&
      known.generation === generation &&
      known.bytes === size;
    if (isSame && (await this.reuse(known))) return;
    await this.copy(name, handle, size, generation);
  }

  private async reuse(file: BackupFile): Promise<boolean> {
    const from = join(this.previousDirectory, file.name);
    if ((await sizeOf(from)) !== file.bytes) return false;
    try {
      await link(from, join(this.directory, file.name));
    } catch {
      return false;
    }
    this.files.push(file);
    this.reused++;
    return true;
  }

  /** Copies the index, which spares the copy a scan, but only if it belongs to this very file. */
  private async copyKeyIndex(file: SnapshotFile): Promise<void> {
    if (file.generation === undefined) return;
    const path = this.snapshot.names.keyIndex(file.number);
    const footer = IndexedKeys.footer(nodeFileSystem, path);
    if (footer?.generation !== file.generation || footer.logEnd !== file.size) return;
    const handle = await ReadHandle.open(path).catch(() => undefined);
    if (handle === undefined) return;
    try {
      if (this.snapshot.type === 'wrap') this.counts[file.number - 1] = footer.items;
      await this.copyWhole(`${file.name}.keys`, handle, await handle.size(), file.generation);
    } finally {
      await handle.close();
    }
  }

  private async copy(
    name: string,
    handle: ReadHandle,
    length: number,
    generation: number | undefined,
    head?: Buffer,
  ): Promise<void> {
    const hash = createHash('sha256');
    const writer = await DurableWriter.create(join(this.directory, name));
    try {
      for (let at = 0; at < length;) {
        const chunk = Buffer.allocUnsafe(Math.min(COPY_BYTES, length - at));
        const count = await handle.read(chunk, 0, chunk.length, at);
        if (count === 0) throw new Error(`${handle.path} became shorter while it was copied`);
        const bytes = chunk.subarray(0, count);
        if (at === 0) head?.copy(bytes);
        hash.update(bytes);
        await writer.write(bytes);
        at += count;
      }
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    const facts = { name, bytes: length, sha256: hash.digest('hex') };
    this.files.push(generation === undefined ? facts : { ...facts, generation });
  }

  private async write(name: string, bytes: Buffer): Promise<void> {
    const writer = await DurableWriter.create(join(this.directory, name));
    await writer.write(bytes);
    await writer.finish();
    this.files.push({ name, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
}
