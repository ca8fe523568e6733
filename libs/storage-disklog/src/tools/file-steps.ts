import type { Frame, Item } from '../format/item.js';
import { storedWhenClosed } from '../engine/log-end.js';
import type { Damage } from '../engine/log-file.js';
import { PrecedingItems } from '../engine/preceding-items.js';
import { scanFile } from '../engine/scanner.js';
import { Window } from '../engine/window.js';
import type { SnapshotFile } from './snapshot-file.js';

/** What a file contains, item by item in file order. */
export type FileStep =
  | {
      readonly type: 'item';
      /** Its buffers, and `bytes`, are views of larger ones: copy what you keep. */
      readonly item: Item;
      readonly frame: Frame;
      /** The whole item as it stands in the file. */
      readonly bytes: Buffer;
    }
  | { readonly type: 'damage'; readonly damage: Damage };

/** How far a file counts, and what an interrupted write left after that. */
export interface FileExtent {
  readonly end: number;
  /** Bytes of a torn tail, or of a write under way; they were never acknowledged. */
  readonly tornBytes: number;
}

/** Each scan takes a moment, in which a write that was under way has come to its end. */
const MAX_LOOKS = 10;

/**
 * Tells a torn tail from rot, by the rule of the engine's recovery: only the newest file of a log that was not closed
 * can be torn, and only after what its items say was on stable storage.
 */
export async function extentOf(file: SnapshotFile): Promise<FileExtent> {
  const { size, status, isCurrent, format } = file;
  if (status === 'closed' || size <= format.headBytes) return { end: size, tornBytes: 0 };
  const scan = await (isCurrent ? settledScan(file) : scanOurs(file, size));
  if (!isCurrent) return { end: status === 'opened' ? scan.end + scan.badTail : size, tornBytes: 0 };
  const stored = storedWhenClosed(file.closedEnd, file.number, scan.generation);
  if (scan.end < stored)
    return { end: Math.min(size, Math.max(scan.end + scan.badTail, stored)), tornBytes: 0 };
  const synced = Math.max(scan.synced, stored);
  const tear = scan.gaps.find((gap) => gap.syncedAfter !== undefined && synced <= gap.start);
  if (tear === undefined) return { end: scan.end, tornBytes: scan.badTail };
  return { end: tear.start, tornBytes: scan.end - tear.start + scan.badTail };
}

/**
 * Scans a file that may be written meanwhile. Such a scan is not of one moment: it may miss a write that came after
 * the read, but see a later write that says the missed one is stored. A second scan finds it, unless it is rot.
 */
async function settledScan(file: SnapshotFile) {
  let scan = await scanOurs(file, file.size);
  for (let looks = 1; looks < MAX_LOOKS; looks++) {
    const { gaps, synced } = scan;
    if (gaps.every((gap) => synced <= gap.start)) break;
    scan = await scanOurs(file, file.size);
    if (scan.gaps.length === gaps.length && scan.gaps.every(({ start }, i) => start === gaps[i]!.start))
      break;
  }
  return scan;
}

/** As in the engine: once the file is known to be ours, nothing without a trailer counts as an item after damage. */
async function scanOurs(file: Pick<SnapshotFile, 'handle' | 'isOurs' | 'format'>, end: number) {
  const { handle, isOurs, format } = file;
  let generation: number | undefined;
  const onItem = ({ trailer }: Item) => void (generation = trailer?.generation ?? generation);
  let scan = await scanFile(handle, end, format, onItem, isOurs);
  if (scan.isMixed) scan = await scanFile(handle, end, format, onItem, true);
  return { ...scan, generation };
}

/** Walks a file up to `end` in bounded memory: its items, and the stretches that are not items. */
export async function* stepsOf(file: SnapshotFile, end: number): AsyncGenerator<FileStep> {
  const { handle, path, status, size, isOurs, format } = file;
  if (status === undefined && size > 0) yield headDamage(path, Math.min(format.headBytes, size));
  const window = new Window(handle, end);
  let preceding = new PrecedingItems(size, isOurs);
  let isEmpty = true;
  let bad: { start: number; reason: string } | undefined;
  const damage = (until: number, sequenceAfter: number | undefined): FileStep => {
    const { start, reason } = bad!;
    return {
      type: 'damage',
      damage: { file: path, start, end: until, reason, sequenceBefore: preceding.sequence, sequenceAfter },
    };
  };
  for (let at = format.headBytes; at < end;) {
    const found = await format.itemAt(window, at, bad === undefined ? undefined : preceding);
    if ('reason' in found) {
      if (bad === undefined && isEmpty && !isOurs) {
        // Damage from the start: nothing before it tells whose items these are, so those after it must.
        preceding = new PrecedingItems(size, (await scanFile(handle, end, format, () => undefined)).isMixed);
      }
      bad ??= { start: at, reason: found.reason };
      const next = await format.nextStart(window, at + 1);
      if (next === undefined) break;
      at = next;
      continue;
    }
    const { item, frame } = found;
    if (bad !== undefined) yield damage(at, item.trailer?.sequence);
    preceding.add(item.trailer, bad === undefined ? 0 : frame.end - frame.start);
    bad = undefined;
    isEmpty = false;
    yield { type: 'item', item, frame, bytes: await window.view(frame.start, frame.end - frame.start) };
    at = frame.end;
  }
  if (bad !== undefined) yield damage(end, undefined);
}

function headDamage(file: string, end: number): FileStep {
  const reason = 'the file has no log head';
  return {
    type: 'damage',
    damage: { file, start: 0, end, reason, sequenceBefore: undefined, sequenceAfter: undefined },
  };
}
