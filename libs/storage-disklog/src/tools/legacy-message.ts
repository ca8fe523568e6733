import type { Entry } from '../format/entry.js';
import { utf8OrUndefined } from '../format/term.js';
import { rawFields } from './json-fields.js';

/** A message from a store that the Elixir GenRocks wrote. */
export interface LegacyMessage {
  /** The N of its key `msg:N`. */
  readonly offset: number;
  /** Null if it has none. */
  readonly key: string | null;
  /** The value's JSON text exactly as it was written; all bytes of the entry if it was not a message in JSON. */
  readonly value: Buffer | null;
  /** Empty if it has none. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty if it has none. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970; the time of the log entry if the message has none that can be read. */
  readonly timestamp: number;
  /** The entry was not a message in JSON, and is kept as it is. */
  readonly isRaw: boolean;
}

/** Reads a `msg:N` entry: a JSON object with key, value, headers, timestamp and metadata. */
export function parseLegacyMessage(offset: number, { value, timestamp }: Entry): LegacyMessage {
  const raw: LegacyMessage = {
    offset,
    key: null,
    value: value ?? null,
    headers: {},
    metadata: {},
    timestamp,
    isRaw: true,
  };
  const text = value === undefined ? undefined : utf8OrUndefined(value);
  const parsed = text === undefined ? undefined : parseObject(text);
  if (parsed === undefined) return raw;
  const fields = rawFields(text!);
  const content = fields.get('value');
  if (content === undefined) return raw;
  return {
    offset,
    key: keyOf(parsed['key'], fields.get('key')),
    value: content === 'null' ? null : Buffer.from(content),
    headers: headersOf(parsed['headers']),
    metadata: isObject(parsed['metadata']) ? parsed['metadata'] : {},
    timestamp: timeOf(parsed['timestamp']) ?? timestamp,
    isRaw: false,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A key that was not text is named by its JSON. */
function keyOf(key: unknown, raw: string | undefined): string | null {
  if (key === null || key === undefined) return null;
  return typeof key === 'string' ? key : raw!;
}

function headersOf(headers: unknown): Record<string, string> {
  if (!isObject(headers)) return {};
  const texts = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return Object.fromEntries(texts) as Record<string, string>;
}

function timeOf(timestamp: unknown): number | undefined {
  const time = typeof timestamp === 'string' ? Date.parse(timestamp) : timestamp;
  return typeof time === 'number' && Number.isSafeInteger(time) && time >= 0 ? time : undefined;
}
