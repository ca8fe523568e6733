import type { FileStatus } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';
import type { Damage } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import { PlacedKeys } from './placed-keys.js';
import { type Gap, type OnItem, type OnPlainItem, scanFile, type ScanResult } from './scanner.js';

/** What reading a log file from end to end found. Reading changes nothing. */
export interface RecoveredFile {
  readonly keys: MemoryKeys;
  readonly items: number;
  readonly entries: number;
  /** Where the next item goes. */
  readonly end: number;
  /** The generation of its items; undefined if none carries one. */
  readonly generation: number | undefined;
  readonly lastSequence: number | undefined;
  readonly damage: readonly Damage[];
  /** Bytes after `end` that an interrupted write left behind. */
  readonly badBytes: number;
  /** Some of those bytes may be more than a torn write, so the file is copied before they are cut. */
  readonly cutNeedsCopy: boolean;
  readonly status: FileStatus | undefined;
}

export interface RecoverOptions {
  readonly format: LogFormat;
  /** The file was being written when the log was last used, so its tail may be torn. */
  readonly mayBeTorn?: boolean;
  /** The file's items have trailers, even if none of them can be read. */
  readonly knownOurs?: boolean;
  /** Up to where the file of this generation was stored when the log was last closed. */
  readonly storedTo?: (generation: number | undefined) => number;
  /** The log was closed after the last write. Used only if the file itself does not say so. */
  readonly wasClosed?: boolean;
}

/**
 * Reads a file and tells a torn tail from rot.
 *
 * A torn tail is what follows the last whole item of a file that was being written. But a group goes out as one write
 * whose sectors may reach the device in any order, so whole items may even follow a tear. Each item carries how much of
 * the file was on stable storage when it was written. If no item says that this reached beyond the tear, nobody was
 * ever told that the torn bytes are stored. Everything else that is not an item was stored once, and is damage.
 */
export async function recoverFile(
  handle: Pick<FileHandle, 'read'>,
  path: string,
  size: number,
  {
    format,
    mayBeTorn = false,
    knownOurs = false,
    storedTo = () => 0,
    wasClosed = !mayBeTorn,
  }: RecoverOptions,
): Promise<RecoveredFile> {
  const status = await readStatus(handle, format, wasClosed);
  let torn = mayBeTorn && status !== 'closed';
  let { scan, result } = await collect(handle, size, format, knownOurs);
  const ours = knownOurs || result.isMixed;
  if (result.isMixed) ({ scan, result } = await collect(handle, size, format, ours));
  const stored = storedTo(scan.generation);
  const synced = Math.max(result.synced, stored);
  const tear = torn
    ? result.gaps.find((gap) => gap.syncedAfter !== undefined && synced <= gap.start)
    : undefined;
  // The last bytes that were stored are spoilt. Nothing separates them from a tear after them, so that stays as well.
  if (result.end < stored) torn = false;
  const before = result;
  if (tear !== undefined) ({ scan, result } = await collect(handle, tear.start, format, ours));
  const damage = result.gaps.map((gap) => toDamage(path, gap));
  if (status === undefined && size > format.headBytes) damage.unshift(headDamage(path, format.headBytes));
  const tail = tear === undefined ? result.badTail : before.end - tear.start + before.badTail;
  // Only a file being written has zeros after its items. Anywhere else zeros replaced something.
  const spoilt = torn ? 0 : status === 'opened' ? spoiltTail(result, stored, size) : size - result.end;
  if (spoilt > 0) damage.push(tailDamage(path, result, spoilt, scan.lastSequence));
  const { keys, entries, generation, lastSequence } = scan;
  return {
    keys,
    entries,
    generation,
    lastSequence,
    items: result.items,
    // Damage at the end of a closed file stays in place; new items go after it.
    end: result.end + spoilt,
    damage,
    badBytes: torn ? tail : 0,
    // Copy if whole items are cut with the tear, or if nothing says that the file is ours at all.
    cutNeedsCopy:
      tear !== undefined ||
      (tail > 0 && (status === undefined || (format.headBytes === 0 && scan.generation === undefined))),
    status,
  };
}

/** What the head says. For a file without a head, what is known of its log. */
async function readStatus(
  handle: Pick<FileHandle, 'read'>,
  format: LogFormat,
  wasClosed: boolean,
): Promise<FileStatus | undefined> {
  if (format.headBytes === 0) return wasClosed ? 'closed' : 'opened';
  const head = Buffer.alloc(format.headBytes);
  await handle.read(head, 0, head.length, 0);
  return format.readStatus(head);
}

/** Reads a file up to `end`. */
async function collect(
  handle: Pick<FileHandle, 'read'>,
  end: number,
  format: LogFormat,
  ours: boolean,
): Promise<{ scan: Collector; result: ScanResult }> {
  const scan = new Collector(format);
  return { scan, result: await scanFile(handle, end, format, scan.onItem, ours, scan.onPlainItem) };
}

/** Length of the damaged tail of an opened file, without the zeros kept for later writes that may follow it. */
function spoiltTail({ end, badTail }: ScanResult, stored: number, size: number): number {
  return Math.min(size, Math.max(end + badTail, stored)) - end;
}

/** Collects what the items of a file say. */
class Collector {
  readonly keys = new MemoryKeys();
  private readonly placed = new PlacedKeys();
  entries = 0;
  generation: number | undefined;
  lastSequence: number | undefined;

  constructor(private readonly format: LogFormat) {}

  readonly onItem: OnItem = (item, frame, bytes) => {
    const at = frame.start;
    const length = frame.end - at;
    this.entries += item.entries.length;
    // Erlang may encode terms in other ways, so only entries of our own items can be read alone.
    const { placed } = this;
    placed.clear();
    if (item.trailer !== undefined && this.format.placeEntries(bytes, 0, length, at, placed.add)) {
      this.keys.setAll(placed);
    } else {
      item.entries.forEach(({ key, value }, index) => {
        const deleted = value === undefined;
        const slot = { at, length, index, deleted, inner: 0, innerLength: 0, crc: 0 };
        this.keys.set(key.toString('latin1'), slot);
      });
    }
    if (item.trailer === undefined) return;
    this.generation = item.trailer.generation;
    this.lastSequence = item.trailer.sequence;
  };

  readonly onPlainItem: OnPlainItem = (item, at, bytes, from) => {
    const { keyStart, keyEnd, deleted, end } = item;
    const length = from + end - at;
    this.entries++;
    const slot = { at, length, index: 0, deleted, inner: 0, innerLength: 0, crc: 0 };
    this.keys.set(bytes.toString('latin1', keyStart, keyEnd), slot);
    this.generation = item.generation;
    this.lastSequence = item.sequence;
  };
}

function toDamage(file: string, gap: Gap): Damage {
  const { start, end, reason, sequenceBefore, sequenceAfter } = gap;
  return { file, start, end, reason, sequenceBefore, sequenceAfter };
}

function tailDamage(
  file: string,
  result: ScanResult,
  length: number,
  sequenceBefore: number | undefined,
): Damage {
  const start = result.end;
  return {
    file,
    start,
    end: start + length,
    reason: result.tailReason,
    sequenceBefore,
    sequenceAfter: undefined,
  };
}

function headDamage(file: string, end: number): Damage {
  const reason = 'the file has no log head';
  return { file, start: 0, end, reason, sequenceBefore: undefined, sequenceAfter: undefined };
}
