import { type BatchOperation, type BytesLike, toBuffer, TooLargeError } from '@genrocks/storage';
import type { EntryWrite } from './format/entry.js';

export const MAX_KEY_BYTES = 65_535;
export const MAX_VALUE_BYTES = 128 << 20;

/** Checks an operation of a batch and turns it into an entry. */
export function operationEntry(operation: BatchOperation, lent: boolean | undefined): EntryWrite {
  return operation.type === 'put'
    ? entryOf(operation.key, operation.value, lent)
    : tombstoneOf(operation.key);
}

/** @throws {TooLargeError} `TOO_LARGE` if the key or the value is */
export function entryOf(key: BytesLike, value: BytesLike, lent = false): EntryWrite {
  const entry = { key: keyOf(key), value: toBuffer(value, 'value'), lent };
  if (entry.value.length > MAX_VALUE_BYTES)
    throw new TooLargeError('the value', entry.value.length, MAX_VALUE_BYTES);
  return entry;
}

export function tombstoneOf(key: BytesLike): EntryWrite {
  return { key: keyOf(key), value: undefined, lent: false };
}

function keyOf(key: BytesLike): Buffer {
  const bytes = toBuffer(key, 'key');
  if (bytes.length > MAX_KEY_BYTES) throw new TooLargeError('the key', bytes.length, MAX_KEY_BYTES);
  return bytes;
}
