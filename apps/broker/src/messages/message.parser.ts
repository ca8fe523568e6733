import type { PublishMessage } from '@genrocks/topics';
import { didYouMean } from '@genrocks/storage/config';

const FIELDS = [
  'key',
  'key_base64',
  'value',
  'value_base64',
  'headers',
  'headers_base64',
  'partition',
  'timestamp',
  'id',
  'metadata',
] as const;
const KNOWN: ReadonlySet<string> = new Set(FIELDS);

type Json = Record<string, unknown>;

/**
 * Reads one message of a request. Handwritten for speed, because it runs for every published message.
 * @param where location for `problems`, such as `messages[3]`; empty if the body itself is the message
 * @returns undefined if a line was added to `problems`
 */
export function parseMessage(json: unknown, where: string, problems: string[]): PublishMessage | undefined {
  const before = problems.length;
  const at = (field: string) => (where === '' ? field : `${where}.${field}`);
  if (!isObject(json)) {
    problems.push(`${where || 'message'}: must be an object such as {"value": {"id": 1}}`);
    return undefined;
  }
  for (const field of Object.keys(json)) {
    if (!KNOWN.has(field)) problems.push(`${at(field)}: ${unknownField(field)}`);
  }
  const message: PublishMessage = {
    key: readKey(json, at, problems),
    value: readValue(json, at, problems),
  };
  const headers = readHeaders(json, at, problems);
  if (headers !== undefined) message.headers = headers;
  if (json['partition'] !== undefined)
    message.partition = readWhole(json['partition'], at('partition'), problems);
  if (json['timestamp'] !== undefined)
    message.timestamp = readWhole(json['timestamp'], at('timestamp'), problems);
  const { id = null } = json;
  if (typeof id === 'string') message.id = id;
  else if (id !== null) problems.push(`${at('id')}: must be a string`);
  if (json['metadata'] !== undefined) {
    if (isObject(json['metadata'])) message.metadata = json['metadata'];
    else problems.push(`${at('metadata')}: must be an object`);
  }
  return problems.length === before ? message : undefined;
}

type At = (field: string) => string;

function readKey(json: Json, at: At, problems: string[]): string | Buffer | null {
  if (json['key_base64'] !== undefined) {
    if (json['key'] !== undefined) problems.push(`${at('key')}: give either key or key_base64`);
    return readBase64(json['key_base64'], at('key_base64'), problems);
  }
  const key = json['key'] ?? null;
  if (key === null || typeof key === 'string') return checkText(key, at('key'), problems);
  problems.push(`${at('key')}: must be a string or null; write numbers as text`);
  return null;
}

function readValue(json: Json, at: At, problems: string[]): unknown {
  if (json['value_base64'] !== undefined) {
    if (json['value'] !== undefined) problems.push(`${at('value')}: give either value or value_base64`);
    return readBase64(json['value_base64'], at('value_base64'), problems);
  }
  if (!('value' in json)) problems.push(`${at('value')}: is missing; send null for a tombstone`);
  return json['value'];
}

function readHeaders(json: Json, at: At, problems: string[]): Record<string, string | Buffer> | undefined {
  const { headers, headers_base64: binary } = json;
  if (headers === undefined && binary === undefined) return undefined;
  const entries: [string, string | Buffer][] = [];
  for (const [field, group] of [
    ['headers', headers],
    ['headers_base64', binary],
  ] as const) {
    if (group === undefined) continue;
    if (!isObject(group)) problems.push(`${at(field)}: must be an object of strings`);
    else {
      for (const [name, value] of Object.entries(group)) {
        const place = `${at(field)}.${name}`;
        if (field === 'headers_base64') entries.push([name, readBase64(value, place, problems)]);
        else if (typeof value === 'string') entries.push([name, checkText(value, place, problems)]);
        else problems.push(`${place}: must be a string`);
      }
    }
  }
  // A header may be named `__proto__`, which an assignment would treat as the prototype.
  return Object.fromEntries(entries);
}

/** Decodes base64. Node skips invalid characters, so only text that survives a round trip is valid. */
function readBase64(value: unknown, where: string, problems: string[]): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.toString('base64').replace(/=+$/, '') === value.replace(/=+$/, '')) return bytes;
  }
  problems.push(`${where}: must be a string in base64`);
  return Buffer.alloc(0);
}

function readWhole(value: unknown, where: string, problems: string[]): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  problems.push(`${where}: must be a whole number from 0`);
  return 0;
}

const SURROGATE = /[\ud800-\udfff]/;

/** Refuses unpaired surrogates: UTF-8 cannot represent them, so two different keys would become the same. */
function checkText<T extends string | null>(text: T, where: string, problems: string[]): T {
  if (text !== null && SURROGATE.test(text) && Buffer.from(text, 'utf8').toString('utf8') !== text) {
    problems.push(`${where}: is not valid Unicode; send the bytes as ${where}_base64`);
  }
  return text;
}

function unknownField(field: string): string {
  const meant = didYouMean(field, FIELDS);
  return meant === undefined
    ? `unknown field; allowed are ${FIELDS.join(', ')}`
    : `unknown field; did you mean ${meant}?`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
