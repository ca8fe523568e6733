import { findInexactNumber } from '../../http/json.js';
import { InvalidRecordError } from './record-errors.js';

/** How records of the input become messages. */
export interface EncoderOptions {
  /** Field of a record that holds the key. */
  readonly keyField?: string | undefined;
  /** Key of all messages. */
  readonly key?: string | undefined;
  /** Field of a record that holds the id. */
  readonly idField?: string | undefined;
  /** Id of the only message. */
  readonly id?: string | undefined;
  /** Prefix of generated ids: a record without an id gets this prefix and its number. */
  readonly idPrefix?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly partition?: number | undefined;
}

/** Fields of a message that the HTTP API accepts. The other fields of a consumed message give its position. */
const MESSAGE_FIELDS = [
  'key',
  'key_base64',
  'value',
  'value_base64',
  'headers',
  'headers_base64',
  'timestamp',
  'id',
  'metadata',
] as const;

/** Turns records of an input into messages: lines of JSON for the HTTP API. */
export class MessageEncoder {
  /** The fields common to all messages, as JSON without braces. */
  private readonly common: string;

  constructor(private readonly options: EncoderOptions) {
    const { headers, partition } = options;
    this.common = JSON.stringify({ headers, partition }).slice(1, -1);
  }

  /** A line of JSON is a value. It is passed on unparsed, so that no number changes. */
  value(text: string, number: number): string {
    const value = parseJson(text, number);
    const asIs =
      findInexactNumber(text) === undefined
        ? `"value":${text}`
        : `"value_base64":"${Buffer.from(text).toString('base64')}"`;
    return this.join(value, number, asIs);
  }

  /** A CSV row with named columns is a value. */
  row(row: Readonly<Record<string, unknown>>, number: number): string {
    return this.join(row, number, `"value":${JSON.stringify(row)}`);
  }

  /** A line of text is a value. */
  text(text: string, number: number): string {
    return this.join(text, number, `"value":${JSON.stringify(text)}`);
  }

  /** A message as printed by `genrocks consume --json`; its position is dropped. */
  message(text: string, number: number): string {
    const given = parseJson(text, number);
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw new InvalidRecordError(number, 'must be an object such as {"key": "a", "value": 1}');
    const inexact = findInexactNumber(text);
    if (inexact !== undefined)
      throw new InvalidRecordError(
        number,
        `the number ${inexact.slice(0, 40)} cannot be stored exactly; write it as a string, or the value as value_base64`,
      );
    const message: Record<string, unknown> = {};
    for (const field of MESSAGE_FIELDS) {
      const value = (given as Record<string, unknown>)[field];
      if (value !== undefined) message[field] = value;
    }
    const { key, headers, partition } = this.options;
    return JSON.stringify({
      ...(this.options.idPrefix === undefined ? {} : { id: `${this.options.idPrefix}:${number}` }),
      ...message,
      ...(key === undefined ? {} : { key }),
      ...(headers === undefined ? {} : { headers: { ...(message['headers'] as object), ...headers } }),
      ...(partition === undefined ? {} : { partition }),
    });
  }

  private join(record: unknown, number: number, value: string): string {
    const parts = [value];
    const key = this.keyOf(record, number);
    if (key !== undefined && key !== null) parts.push(`"key":${JSON.stringify(key)}`);
    const id = this.idOf(record, number);
    if (id !== undefined) parts.push(`"id":${JSON.stringify(id)}`);
    if (this.common !== '') parts.push(this.common);
    return `{${parts.join(',')}}`;
  }

  private keyOf(record: unknown, number: number): string | null | undefined {
    const { key, keyField } = this.options;
    return keyField === undefined ? key : textField(record, keyField, '--key-field', number);
  }

  private idOf(record: unknown, number: number): string | undefined {
    const { id, idField, idPrefix } = this.options;
    if (idField !== undefined) return textField(record, idField, '--id-field', number) ?? undefined;
    return idPrefix === undefined ? id : `${idPrefix}:${number}`;
  }
}

/** A field of a record as text, or null. */
function textField(record: unknown, field: string, flag: string, number: number): string | null {
  const value: unknown =
    typeof record === 'object' && record !== null && Object.hasOwn(record, field)
      ? (record as Record<string, unknown>)[field]
      : undefined;
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const reason = value === undefined ? 'is missing' : 'is not a text, number or boolean';
  throw new InvalidRecordError(number, `the field ${JSON.stringify(field)} (${flag}) ${reason}`);
}

function parseJson(text: string, number: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new InvalidRecordError(number, `is not JSON: ${(error as Error).message}`);
  }
}
