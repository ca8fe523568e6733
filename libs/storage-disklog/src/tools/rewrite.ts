import { copyDurably } from '../engine/durable-files.js';
import type { LogNames } from '../engine/names.js';
import type { LogFormat } from '../format/log-format.js';
import { nodeFileSystem } from '../io/file-system.js';
import { DurableWriter } from './durable.js';
import { type FileStep, stepsOf } from './file-steps.js';
import type { SnapshotFile } from './snapshot-file.js';
import { sizeOf } from './read-handle.js';

/** A file that was rewritten. */
export interface RewrittenFile {
  /** Its path. */
  readonly file: string;
  /** Path of the copy of the original. */
  readonly copy: string;
  /** Good items, which were kept. */
  readonly itemsKept: number;
  /** Its size before. */
  readonly bytesBefore: number;
  /** Its size now. */
  readonly bytesAfter: number;
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
}

/** Copies a file to the next free name: `log.N.corrupt`, `log.N.corrupt.2`, ... */
export async function quarantine(names: LogNames, file: SnapshotFile): Promise<string> {
  let copy = names.quarantine(file.number);
  for (let n = 2; (await sizeOf(copy)) !== undefined; n++) copy = `${names.quarantine(file.number)}.${n}`;
  await copyDurably(nodeFileSystem, file.path, copy, names.directory);
  return copy;
}

/**
 * Replaces a file by one with its good items. Items keep their generation and sequence; their checksums are
 * recomputed for their new positions.
 */
export async function rewriteFile(
  names: LogNames,
  file: SnapshotFile,
  end: number,
): Promise<Omit<RewrittenFile, 'copy' | 'cutBytes'>> {
  // The engine removes a file of this name on open, so a crash leaves nothing behind.
  await nodeFileSystem.unlink(names.unfinished);
  const writer = await DurableWriter.create(names.unfinished);
  let itemsKept = 0;
  try {
    await writer.write(file.format.fileHead('closed'));
    for await (const step of stepsOf(file, end)) {
      if (step.type === 'damage') continue;
      await writer.write(moved(file.format, step, writer.position));
      itemsKept++;
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    await nodeFileSystem.unlink(names.unfinished);
    throw error;
  }
  // The index belongs to the original file, and would say that the new one is too short.
  await nodeFileSystem.unlink(names.keyIndex(file.number));
  await nodeFileSystem.syncDirectory(names.directory);
  await nodeFileSystem.rename(names.unfinished, file.path);
  await nodeFileSystem.syncDirectory(names.directory);
  return { file: file.path, itemsKept, bytesBefore: file.size, bytesAfter: writer.position };
}

/** An item's bytes for another position in its file. */
function moved(
  format: LogFormat,
  { item, frame, bytes }: Extract<FileStep, { type: 'item' }>,
  position: number,
): Buffer {
  const copy = Buffer.from(bytes);
  // All of the new file is stored before it gets its name, so a gap before this item would be rot, not a torn write.
  if (item.trailer !== undefined) {
    format.sealItem({ ...item.trailer, synced: position }, copy, 0, frame.end - frame.start, position);
  }
  return copy;
}
