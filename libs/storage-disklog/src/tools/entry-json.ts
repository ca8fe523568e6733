import type { Entry } from '../format/entry.js';
import { termToJson, utf8OrUndefined } from '../format/term.js';

/**
 * An entry of a log as one JSON object: text as it is, other bytes as base64, terms that are not binaries as JSON.
 */
export interface EntryJson {
  /** The key, if it is UTF-8. */
  key?: string;
  /** The key, if it is not UTF-8. */
  key_base64?: string;
  /** The value, if it is UTF-8. */
  value?: string;
  /** The value, if it is not UTF-8. */
  value_base64?: string;
  /** In JSON, a value that Erlang wrote as another term than a binary. */
  value_term?: unknown;
  /** The key was deleted; there is no value. */
  deleted?: true;
  /** When it was written, in milliseconds since 1970. */
  timestamp: number;
}

/** The JSON form that `genrocks log dump --json` prints. */
export function entryToJson({ key, value, timestamp, term }: Entry): EntryJson {
  const keyText = utf8OrUndefined(key);
  const json: Partial<EntryJson> = keyText === undefined ? { key_base64: base64(key) } : { key: keyText };
  if (value === undefined) json.deleted = true;
  else if (term !== undefined) json.value_term = termToJson(term);
  else {
    const text = utf8OrUndefined(value);
    if (text === undefined) json.value_base64 = base64(value);
    else json.value = text;
  }
  json.timestamp = timestamp;
  return json as EntryJson;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
