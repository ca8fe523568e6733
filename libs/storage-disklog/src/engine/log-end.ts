import { crc32 } from 'node:zlib';
import type { Damage } from './log-file.js';
import type { RecoveredFile } from './recovery.js';

/**
 * Where a log ended when it was closed, `log.end`. Without it, a closed file cut exactly between two items would look
 * whole. Erlang may write beyond that end, but the file may not end before it.
 *
 *   magic:u32 number:u32 generation:u32 end:u64 items:u64 lastSequence:u64 crc32:u32
 */
export interface LogEnd {
  readonly number: number;
  readonly generation: number;
  readonly end: number;
  readonly items: number;
  readonly lastSequence: number;
  /**
   * The log was opened since, with damage at this end. Recorded so that the damage is not taken for a torn write if
   * the process dies; without this flag, a file without a head would count as closed.
   */
  readonly opened?: boolean;
}

const MAGIC = 0x47524c45;
const MAGIC_OPENED = 0x47524c4f;
const SIZE = 40;

/** Reason reported for a `log.end` that cannot be read. */
export const SPOILT_END = 'not a valid record of the log end';

export function writeLogEnd(logEnd: LogEnd): Buffer {
  const bytes = Buffer.alloc(SIZE);
  bytes.writeUInt32BE(logEnd.opened === true ? MAGIC_OPENED : MAGIC, 0);
  bytes.writeUInt32BE(logEnd.number, 4);
  bytes.writeUInt32BE(logEnd.generation, 8);
  bytes.writeBigUInt64BE(BigInt(logEnd.end), 12);
  bytes.writeBigUInt64BE(BigInt(logEnd.items), 20);
  bytes.writeBigUInt64BE(BigInt(logEnd.lastSequence), 28);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, SIZE - 4)), SIZE - 4);
  return bytes;
}

/** Undefined if the bytes are not such a record, or are damaged. */
export function readLogEnd(bytes: Buffer): LogEnd | undefined {
  if (bytes.length !== SIZE) return undefined;
  const magic = bytes.readUInt32BE(0);
  if (magic !== MAGIC && magic !== MAGIC_OPENED) return undefined;
  if (crc32(bytes.subarray(0, SIZE - 4)) !== bytes.readUInt32BE(SIZE - 4)) return undefined;
  return {
    number: bytes.readUInt32BE(4),
    generation: bytes.readUInt32BE(8),
    end: Number(bytes.readBigUInt64BE(12)),
    items: Number(bytes.readBigUInt64BE(20)),
    lastSequence: Number(bytes.readBigUInt64BE(28)),
    ...(magic === MAGIC_OPENED ? { opened: true } : {}),
  };
}

/**
 * How far a file is known to have reached, from the log's own end or from the key index made when the file was
 * closed.
 */
export type KnownEnd = Pick<LogEnd, 'number' | 'generation' | 'end' | 'lastSequence'>;

/**
 * Up to where a file was stored when the log was closed. Anything before that which is not an item is damage, not a
 * torn write, even though the file was opened since. 0 if the record does not describe this file, as after a
 * compaction.
 */
export function storedWhenClosed(
  known: KnownEnd | undefined,
  number: number,
  generation: number | undefined,
): number {
  const isSame = known !== undefined && known.number === number && known.generation === generation;
  return isSame ? known.end : 0;
}

/**
 * Whether a file is an earlier use of its name than the file in which the log ended when it was closed. A log never
 * goes back to such a file: somebody restored it alone, and the newest items are gone with the newer file.
 *
 * @param generation what the file's items say; undefined if Erlang wrote them
 */
export function isEarlierUse(
  known: LogEnd | undefined,
  number: number,
  generation: number | undefined,
): known is LogEnd {
  // An empty file carries its generation nowhere else: after a truncation the next open begins anew.
  if (known?.number !== number || known.items === 0) return false;
  return generation !== undefined && generation < known.generation;
}

/** Describes such a file in a damage report. */
export function describeEarlierUse({ generation, items }: LogEnd): string {
  return `an earlier file has replaced the newest one, which was of generation ${generation} with ${items} item(s)`;
}

/** The stretch that a closed file has lost at its end, if any. */
export function endIsMissing(
  known: KnownEnd | undefined,
  file: string,
  number: number,
  found: Pick<RecoveredFile, 'status' | 'generation' | 'items' | 'end'>,
): Damage[] {
  if (known?.number !== number || found.end >= known.end) return [];
  // A file without items cannot say its generation; an opened one may be new.
  if (found.items === 0 ? found.status === 'opened' : known.generation !== found.generation) return [];
  const { end: start } = found;
  const reason = 'the file is shorter than it was';
  const sequenceAfter = known.lastSequence + 1;
  return [{ file, start, end: known.end, reason, sequenceBefore: undefined, sequenceAfter, missing: true }];
}
