import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Entry, EntryWrite } from './entry.js';
import type { BadItem, Trailer } from './item.js';

/**
 * One line of a log in the external format, a JSON object and a newline:
 *
 *   {"key":"k","value":"v","timestamp":1700000000000,"seal":"GENERATION.SEQUENCE.SYNCED.CRC32"}
 *
 * `key_base64` or `value_base64` replaces `key` or `value` if the bytes are not UTF-8 text (or a value is longer than
 * 16 MiB); `"deleted":true` replaces the value of a deleted key; `"batch":"i/n"` precedes the seal in the lines of a
 * batch. The seal is the {@link Trailer} in hexadecimal digits of fixed width: generation 8, sequence 14, synced 12,
 * and the CRC-32 of the line up to there, which starts from the line's position in its file.
 *
 * A line without a seal was written by somebody else: readable, but unverified.
 */
const SEAL_HEAD = ',"seal":"';
const LINE_END = '"}\n';
const CRC_DIGITS = 8;
const SEAL_DIGITS = 8 + 1 + 14 + 1 + 12 + 1 + CRC_DIGITS;
/** From the comma before the seal to the end of the line, including the newline. */
export const SEAL_BYTES = SEAL_HEAD.length + SEAL_DIGITS + LINE_END.length;
/** Distance of the checksum from the end of the line. */
const CRC_FROM_END = CRC_DIGITS + LINE_END.length;
const SEAL = /^,"seal":"([0-9a-f]{8})\.([0-9a-f]{14})\.([0-9a-f]{12})\.([0-9a-f]{8})"\}\n$/;
/** Milliseconds since 1970 have 13 digits from 2001 to 2286; shorter numbers are padded with spaces. */
const TIMESTAMP_DIGITS = 13;
const MAX_TIMESTAMP = 10 ** TIMESTAMP_DIGITS - 1;
/**
 * Longest bytes written as text, which may take six times as much in JSON, while the length of a string is limited.
 */
const MAX_TEXT = 16 << 20;

/** Which line of a batch this is, counted from 1, and of how many. */
export interface BatchPart {
  readonly part: number;
  readonly of: number;
}

/** A line that passed its checks. */
export interface Line {
  readonly entry: Entry;
  /** Undefined if the line has no seal. */
  readonly trailer: Trailer | undefined;
  readonly batch: BatchPart | undefined;
}

/** The line of an entry up to its timestamp. */
export function lineHead({ key, value }: EntryWrite): Buffer {
  const fields = [
    bytesField('key', key),
    value === undefined ? '"deleted":true' : bytesField('value', value),
  ];
  return Buffer.from(`{${fields.join(',')},"timestamp":`);
}

/** Size in bytes of a line with this head. */
export function lineSize(head: Buffer, batch: BatchPart | undefined): number {
  return head.length + TIMESTAMP_DIGITS + batchField(batch).length + SEAL_BYTES;
}

/** Writes a line without its seal, leaving room for it; returns where the line ends. */
export function writeLine(
  head: Buffer,
  timestamp: number,
  batch: BatchPart | undefined,
  target: Buffer,
  start: number,
): number {
  let at = start + head.copy(target, start);
  at += target.write(String(timestamp).padEnd(TIMESTAMP_DIGITS), at, 'latin1');
  at += target.write(batchField(batch), at, 'latin1');
  return at + SEAL_BYTES;
}

/** Writes the seal of a line that is otherwise complete. */
export function sealLine(
  trailer: Trailer,
  target: Buffer,
  start: number,
  end: number,
  position: number,
): void {
  const { generation, sequence, synced } = trailer;
  const text = `${SEAL_HEAD}${hex(generation, 8)}.${hex(sequence, 14)}.${hex(synced, 12)}.`;
  target.write(text, end - SEAL_BYTES, 'latin1');
  const crc = checksum(target.subarray(start, end - CRC_FROM_END), position);
  target.write(`${hex(crc, CRC_DIGITS)}${LINE_END}`, end - CRC_FROM_END, 'latin1');
}

/** What a seal says, unchecked; undefined if the last bytes of the line are not a seal. */
export function statedSeal(tail: Buffer): Trailer | undefined {
  return parseSeal(tail.toString('latin1'));
}

function parseSeal(text: string): (Trailer & { readonly crc: number }) | undefined {
  const digits = SEAL.exec(text)
    ?.slice(1)
    .map((part) => Number.parseInt(part, 16));
  if (digits === undefined) return undefined;
  const [generation, sequence, synced, crc] = digits as [number, number, number, number];
  return { generation, sequence, synced, crc };
}

/** Reads and checks a whole line, including its newline, that stands at `position` of its file. */
export function readLine(bytes: Buffer, position: number): Line | BadItem {
  const tail = bytes.toString('latin1', Math.max(0, bytes.length - SEAL_BYTES));
  if (!tail.startsWith(SEAL_HEAD)) return readUnsealed(bytes);
  const seal = parseSeal(tail);
  if (seal === undefined) return { reason: 'the seal is malformed' };
  const { generation, sequence, synced, crc } = seal;
  if (checksum(bytes.subarray(0, bytes.length - CRC_FROM_END), position) !== crc)
    return { reason: 'checksum mismatch' };
  const fields = parseFields(bytes);
  if ('reason' in fields) return fields;
  const entry = entryOf(fields);
  if ('reason' in entry) return entry;
  const batch = batchOf(fields.batch);
  if (batch !== undefined && 'reason' in batch) return batch;
  return { entry, trailer: { generation, sequence, synced }, batch };
}

/** The part of a batch's line that belongs to its entry alone, as offsets from the start of the line. */
export function placeInLine(bytes: Buffer, batch: BatchPart): { start: number; end: number } {
  // After the brace, since an offset of 0 would stand for the whole item.
  return { start: 1, end: bytes.length - SEAL_BYTES - batchField(batch).length };
}

/** The entry in the bytes that {@link placeInLine} names; undefined if there is none. */
export function readPlaced(bytes: Buffer): Entry | undefined {
  const fields = parseFields(Buffer.concat([Buffer.from('{'), bytes, Buffer.from('}')]));
  const entry = 'reason' in fields ? fields : entryOf(fields);
  return 'reason' in entry ? undefined : entry;
}

interface Fields {
  readonly key?: unknown;
  readonly key_base64?: unknown;
  readonly value?: unknown;
  readonly value_base64?: unknown;
  readonly deleted?: unknown;
  readonly timestamp?: unknown;
  readonly batch?: unknown;
}

const KNOWN = new Set(['key', 'key_base64', 'value', 'value_base64', 'deleted', 'timestamp']);

function readUnsealed(bytes: Buffer): Line | BadItem {
  // Nothing but the text itself shows whether it is whole, so it must be complete and contain nothing unknown.
  if (!isUtf8(bytes)) return { reason: 'the line is not UTF-8' };
  const fields = parseFields(bytes);
  if ('reason' in fields) return fields;
  const unknown = Object.keys(fields).find((name) => !KNOWN.has(name));
  if (unknown !== undefined)
    return { reason: `not a log entry (unknown field ${JSON.stringify(unknown.slice(0, 40))})` };
  const entry = entryOf(fields);
  return 'reason' in entry ? entry : { entry, trailer: undefined, batch: undefined };
}

function parseFields(bytes: Buffer): Fields | BadItem {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    return { reason: 'the line is not JSON' };
  }
  return { reason: 'not a log entry (not an object)' };
}

function entryOf(fields: Fields): Entry | BadItem {
  const { timestamp } = fields;
  const key = bytesOf(fields.key, fields.key_base64);
  if (key === undefined) return { reason: 'not a log entry (key or key_base64)' };
  if (!Number.isInteger(timestamp) || (timestamp as number) < 0 || (timestamp as number) > MAX_TIMESTAMP)
    return { reason: 'not a log entry (timestamp)' };
  if (fields.deleted !== undefined) {
    if (fields.deleted !== true || fields.value !== undefined || fields.value_base64 !== undefined)
      return { reason: 'not a log entry (deleted)' };
    return { key, value: undefined, timestamp: timestamp as number };
  }
  const value = bytesOf(fields.value, fields.value_base64);
  if (value === undefined) return { reason: 'not a log entry (value or value_base64)' };
  return { key, value, timestamp: timestamp as number };
}

/** Exactly one of the two forms, with the right type. */
function bytesOf(text: unknown, base64: unknown): Buffer | undefined {
  if (typeof text === 'string' && base64 === undefined) return Buffer.from(text, 'utf8');
  if (typeof base64 !== 'string' || text !== undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes : undefined;
}

function batchOf(field: unknown): BatchPart | undefined | BadItem {
  if (field === undefined) return undefined;
  const match = typeof field === 'string' ? /^([1-9]\d{0,9})\/([1-9]\d{0,9})$/.exec(field) : null;
  return match === null
    ? { reason: 'not a log entry (batch)' }
    : { part: Number(match[1]), of: Number(match[2]) };
}

function bytesField(name: 'key' | 'value', bytes: Buffer): string {
  if (bytes.length <= MAX_TEXT && isUtf8(bytes)) return `"${name}":${JSON.stringify(bytes.toString('utf8'))}`;
  return `"${name}_base64":"${bytes.toString('base64')}"`;
}

function batchField(batch: BatchPart | undefined): string {
  return batch === undefined ? '' : `,"batch":"${batch.part}/${batch.of}"`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function checksum(bytes: Buffer, position: number): number {
  return crc32(bytes, position % 0x1_0000_0000);
}
