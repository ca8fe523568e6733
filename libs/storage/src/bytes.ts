import { InvalidArgumentError, TooLargeError } from './errors.js';
import type { BatchOperation, BytesLike, ScanOptions } from './partition-store.js';

/**
 * Returns a Buffer over the given bytes (a view, not a copy), or the UTF-8 of a string.
 * @param what names the bytes in errors
 * @param maxBytes the adapter's limit. Default: none
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` for anything else
 * @throws {TooLargeError} `TOO_LARGE` above `maxBytes`
 */
export function toBuffer(bytes: BytesLike, what = 'value', maxBytes = Infinity): Buffer {
  const buffer = viewOf(bytes, what);
  if (buffer.length > maxBytes) throw new TooLargeError(`the ${what}`, buffer.length, maxBytes);
  return buffer;
}

function viewOf(bytes: BytesLike, what: string): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'utf8');
  if (Buffer.isBuffer(bytes)) return bytes;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new InvalidArgumentError(
    `${what} must be a string or a Uint8Array, not ${describe(bytes)}; encode it first`,
  );
}

/**
 * Returns a key as a string with one character per byte. JavaScript compares such strings as their bytes compare, hashes
 * them, and stores them in one byte per character, so they are the cheapest ordered keys.
 * @param maxBytes the adapter's limit. Default: none
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` if the key is neither a string nor bytes
 * @throws {TooLargeError} `TOO_LARGE` above `maxBytes`
 */
export function keyToString(key: BytesLike, maxBytes = Infinity): string {
  const bytes = toBuffer(key, 'key', maxBytes);
  return keyStringAt(bytes, 0, bytes.length);
}

/** Returns the key at these positions of a buffer, in the form of {@link keyToString}. */
export function keyStringAt(bytes: Buffer, start: number, end: number): string {
  // Offsets (the keys of topics) and most numbers have eight bytes, for which the native call costs three times as much.
  if (end - start !== 8) return bytes.toString('latin1', start, end);
  return String.fromCharCode(
    bytes[start]!,
    bytes[start + 1]!,
    bytes[start + 2]!,
    bytes[start + 3]!,
    bytes[start + 4]!,
    bytes[start + 5]!,
    bytes[start + 6]!,
    bytes[start + 7]!,
  );
}

/** Returns the bytes of a key in the form of {@link keyToString}. */
export function keyFromString(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

/** A range of keys in the form of {@link keyToString}. */
export interface KeyRange {
  /** Lower bound, inclusive. */
  readonly lower: string;
  /** Upper bound, exclusive; undefined if there is none. */
  readonly upper: string | undefined;
  /** From the highest key down. */
  readonly reverse: boolean;
  /** Maximum number of entries; Infinity if there is no limit. */
  readonly limit: number;
  /** Maximum bytes of all values, see `ScanOptions.maxBytes`; Infinity if there is no limit. */
  readonly maxBytes: number;
}

/**
 * Folds all conditions of a scan into one half-open range.
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` if `limit` or `maxBytes` is not a whole number from 0
 */
export function toKeyRange(options: ScanOptions = {}): KeyRange {
  const { gt, gte, lt, lte, prefix } = options;
  // Untyped callers may pass anything, and the library behind an adapter may accept booleans only.
  const reverse = Boolean(options.reverse);
  const limit = checkLimit(options.limit);
  const maxBytes = checkLimit(options.maxBytes, 'maxBytes');
  let lower = '';
  let upper: string | undefined;
  const raise = (key: string) => {
    if (key > lower) lower = key;
  };
  const cap = (key: string | undefined) => {
    if (key !== undefined && (upper === undefined || key < upper)) upper = key;
  };
  if (gte !== undefined) raise(keyToString(gte));
  if (gt !== undefined) raise(successor(keyToString(gt)));
  if (lt !== undefined) cap(keyToString(lt));
  if (lte !== undefined) cap(successor(keyToString(lte)));
  if (prefix !== undefined) {
    const start = keyToString(prefix);
    raise(start);
    cap(afterPrefix(start));
  }
  return { lower, upper, reverse, limit, maxBytes };
}

/**
 * Checks the limit of a read; Infinity means no limit.
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` if it is not a whole number from 0
 */
export function checkLimit(limit = Infinity, name = 'limit'): number {
  if (limit === Infinity || (Number.isInteger(limit) && limit >= 0)) return limit;
  throw new InvalidArgumentError(`${name} must be a whole number from 0, not ${String(limit)}`);
}

/**
 * Checks that a batch is a list of puts and deletes. It does not check keys and values: an adapter calls {@link toBuffer}
 * for each of them before it applies any operation.
 * @throws {InvalidArgumentError} `INVALID_ARGUMENT` if it is not
 */
export function assertBatch(operations: unknown): asserts operations is readonly BatchOperation[] {
  if (!Array.isArray(operations)) throw new InvalidArgumentError('a batch must be a list of operations');
  for (const operation of operations as (BatchOperation | null | undefined)[]) {
    const type: unknown = operation?.type;
    if (type !== 'put' && type !== 'delete') {
      throw new InvalidArgumentError(
        `a batch operation must be of type put or delete, not ${describe(type)}`,
      );
    }
  }
}

/** The next key in byte order: the key followed by a zero byte. */
function successor(key: string): string {
  return `${key}\0`;
}

/** The lowest key above all keys with this prefix; undefined if there is none (all bytes are 0xff). */
function afterPrefix(prefix: string): string | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.charCodeAt(i);
    if (byte < 0xff) return prefix.slice(0, i) + String.fromCharCode(byte + 1);
  }
  return undefined;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return value === null ? 'null' : typeof value;
}
