import { InvalidArgumentError } from '@genrocks/storage';
import type { MessageJson } from '../client/api.types.js';
import { printable, timeText } from '../output.js';

export const OUT_FORMATS = ['jsonl', 'csv'] as const;
export type OutFormat = (typeof OUT_FORMATS)[number];

export const DEFAULT_COLUMNS = ['partition', 'offset', 'timestamp', 'key', 'value', 'headers'] as const;
const COLUMNS = [...DEFAULT_COLUMNS, 'topic', 'metadata'];
const FIELD = /^value\.(.+)$/;

/** Turns messages into whole lines of text. */
export interface MessageWriter {
  /** Header of the file. */
  readonly head: string;
  write(messages: readonly MessageJson[]): string;
}

/** @throws `INVALID_ARGUMENT` for unknown columns */
export async function createWriter(format: OutFormat, columns: readonly string[]): Promise<MessageWriter> {
  if (format === 'jsonl')
    return { head: '', write: (messages) => messages.map((one) => `${JSON.stringify(one)}\n`).join('') };
  for (const column of columns) {
    if (!COLUMNS.includes(column) && !FIELD.test(column))
      throw new InvalidArgumentError(
        `--columns: ${JSON.stringify(column)} is not allowed; ${COLUMNS.join(', ')}, or value.<field>`,
      );
  }
  // Loaded here: no other command writes CSV.
  const { stringify } = await import('csv-stringify/sync');
  return {
    head: stringify([columns]),
    write: (messages) => stringify(messages.map((message) => columns.map((column) => cell(message, column)))),
  };
}

/** A CSV cell: values and headers as JSON, but a single text field as it is. */
function cell(message: MessageJson, column: string): string | number {
  const field = FIELD.exec(column)?.[1];
  if (field !== undefined) {
    const { value } = message;
    const isObject = typeof value === 'object' && value !== null;
    return text(
      isObject && Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined,
    );
  }
  if (column === 'key') return message.key ?? base64(message.key_base64);
  if (column === 'value')
    return message.value_base64 === undefined ? JSON.stringify(message.value) : base64(message.value_base64);
  if (column === 'headers') return JSON.stringify({ ...message.headers, ...message.headers_base64 });
  if (column === 'metadata') return text(message.metadata);
  return message[column as 'topic' | 'partition' | 'offset' | 'timestamp'];
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function base64(bytes: string | undefined): string {
  return bytes === undefined ? '' : `base64:${bytes}`;
}

/** A message for people. */
export function forPeople(message: MessageJson): string {
  const { topic, partition, offset, timestamp } = message;
  const key = message.key ?? base64(message.key_base64);
  const value =
    message.value_base64 === undefined ? JSON.stringify(message.value) : base64(message.value_base64);
  const where = `${printable(topic)}/${partition}@${offset}`;
  return `${where}  ${timeText(timestamp)}  ${key === '' ? '-' : printable(key)}  ${printable(value)}`;
}
