import { crc32 } from 'node:zlib';
import type { Damage } from './log-file.js';
import type { RecoveredFile } from './recovery.js';

/**
 * Where a log ended when it was closed, `log.end`: without it, a closed file that was cut exactly between two items
 * would look whole. Erlang may go on writing behind that end; it may not come short of it.
 *
 *   magic:u32 number:u32 generation:u32 end:u64 items:u64 lastSequence:u64 crc32:u32
 */
export interface LogEnd {
  readonly number: number;
  readonly generation: number;
  readonly end: number;
  readonly items: number;
  readonly lastSequence: number;
}

const MAGIC = 0x47524c45;
const SIZE = 40;

export function writeLogEnd(logEnd: LogEnd): Buffer {
  const bytes = Buffer.alloc(SIZE);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt32BE(logEnd.number, 4);
  bytes.writeUInt32BE(logEnd.generation, 8);
  bytes.writeBigUInt64BE(BigInt(logEnd.end), 12);
  bytes.writeBigUInt64BE(BigInt(logEnd.items), 20);
  bytes.writeBigUInt64BE(BigInt(logEnd.lastSequence), 28);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, SIZE - 4)), SIZE - 4);
  return bytes;
}

/** Undefined where the bytes are no such record, or a damaged one. */
export function readLogEnd(bytes: Buffer): LogEnd | undefined {
  if (bytes.length !== SIZE || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  if (crc32(bytes.subarray(0, SIZE - 4)) !== bytes.readUInt32BE(SIZE - 4)) return undefined;
  return {
    number: bytes.readUInt32BE(4),
    generation: bytes.readUInt32BE(8),
    end: Number(bytes.readBigUInt64BE(12)),
    items: Number(bytes.readBigUInt64BE(20)),
    lastSequence: Number(bytes.readBigUInt64BE(28)),
  };
}

/** How far a file is known to have reached; of the log's own end, or of the key index that was made when it was left. */
export type KnownEnd = Omit<LogEnd, 'items'>;

/** The stretch that a file which is no longer written has lost at its end, if it has. */
export function endIsMissing(
  known: KnownEnd | undefined,
  file: string,
  number: number,
  found: Pick<RecoveredFile, 'status' | 'generation' | 'items' | 'end'>,
): Damage[] {
  // Opened: it was written after that, and what a crash left of it may be less.
  if (known?.number !== number || found.status === 'opened' || found.end >= known.end) return [];
  // Without any item a file cannot say of which generation it is.
  if (known.generation !== found.generation && found.items > 0) return [];
  const { end: start } = found;
  const reason = 'the file was longer once';
  const sequenceAfter = known.lastSequence + 1;
  return [{ file, start, end: known.end, reason, sequenceBefore: undefined, sequenceAfter, missing: true }];
}
