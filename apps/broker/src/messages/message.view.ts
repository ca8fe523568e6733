import { isUtf8 } from 'node:buffer';
import { MESSAGE_ID_HEADER, METADATA_HEADER, type Message, PUBLISHED_AT_HEADER } from '@genrocks/topics';
import { tryParseJson } from '../http/json.js';

/** Headers that are shown as fields of a message. */
const OWN_HEADERS: ReadonlySet<string> = new Set([METADATA_HEADER, MESSAGE_ID_HEADER, PUBLISHED_AT_HEADER]);

/** A message in an answer. */
export type MessageView = Record<string, unknown>;

/**
 * Formats a message without loss: bytes that are not UTF-8 (or, in values, not JSON whose numbers are exact) appear under
 * `key_base64`, `value_base64` and `headers_base64` instead.
 */
export function viewMessage(message: Message): MessageView {
  const { topic, partition, offset, timestamp, keyBytes, valueBytes, id, metadata } = message;
  return {
    topic,
    partition,
    offset,
    timestamp,
    ...viewKey(keyBytes),
    ...viewValue(valueBytes),
    ...viewHeaders(message.headerBytes),
    ...(id === null ? {} : { id }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

function viewKey(bytes: Buffer | null): MessageView {
  if (bytes === null) return { key: null };
  return isUtf8(bytes) ? { key: bytes.toString('utf8') } : { key_base64: bytes.toString('base64') };
}

function viewValue(bytes: Buffer | null): MessageView {
  if (bytes === null) return { value: null };
  return tryParseJson(bytes) ?? { value_base64: bytes.toString('base64') };
}

function viewHeaders(headers: Message['headerBytes']): MessageView {
  const text: [string, string | null][] = [];
  const binary: [string, string][] = [];
  for (const [name, bytes] of headers) {
    if (OWN_HEADERS.has(name)) continue;
    if (bytes === null || isUtf8(bytes)) text.push([name, bytes?.toString('utf8') ?? '']);
    else binary.push([name, bytes.toString('base64')]);
  }
  return {
    headers: Object.fromEntries(text),
    ...(binary.length === 0 ? {} : { headers_base64: Object.fromEntries(binary) }),
  };
}
