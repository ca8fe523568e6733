import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { LogCorruptError } from '@genrocks/storage';
import { readUInt, writeUInt } from './layout.js';

/*
 * The record of an entry: flags (1 byte), time of the write in ms (6 bytes), number of the write (8 bytes), value.
 */
const TIMESTAMP_AT = 1;
const SEQUENCE_AT = 7;
export const RECORD_HEAD = 15;

const DEFLATED = 0x01;
/** Below this size, deflating costs more than it saves. */
const DEFLATE_FROM = 256;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Makes a record with room for its head and a copy of the value, so that the caller may change the value. */
export function newRecord(value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEAD + value.length);
  record[0] = 0;
  record.set(value, RECORD_HEAD);
  return record;
}

/** Returns the record with its value deflated, or the record itself if that does not make it smaller. */
export async function deflateRecord(record: Buffer): Promise<Buffer> {
  if (record.length - RECORD_HEAD < DEFLATE_FROM) return record;
  const deflated = await deflate(record.subarray(RECORD_HEAD), { level: 1 });
  if (RECORD_HEAD + deflated.length >= record.length) return record;
  const smaller = newRecord(deflated);
  smaller[0] = DEFLATED;
  return smaller;
}

/** Fills in the time and the number of the write, which are known only when it is committed. */
export function stampRecord(record: Buffer, sequence: number, timestamp: number): void {
  record.writeUIntBE(timestamp, TIMESTAMP_AT, 6);
  writeUInt(record, sequence, SEQUENCE_AT);
}

export function sequenceOf(record: Buffer): number {
  return readUInt(record, SEQUENCE_AT);
}

export function timestampOf(record: Buffer): number {
  return record.readUIntBE(TIMESTAMP_AT, 6);
}

export function isDeflated(record: Buffer): boolean {
  return (record[0]! & DEFLATED) !== 0;
}

/** The value of a record that is not deflated. */
export function plainValueOf(record: Buffer): Buffer {
  return record.subarray(RECORD_HEAD);
}

/**
 * Reads the value of a record.
 * @param what names the store in the error
 * @throws `LOG_CORRUPT` if a deflated value cannot be inflated
 */
export async function valueOf(record: Buffer, what: string): Promise<Buffer> {
  const stored = plainValueOf(record);
  if (!isDeflated(record)) return stored;
  try {
    return await inflate(stored);
  } catch (cause) {
    throw new LogCorruptError(what, `a deflated value cannot be read (${(cause as Error).message})`);
  }
}
