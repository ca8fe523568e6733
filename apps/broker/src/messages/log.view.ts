import { isUtf8 } from 'node:buffer';
import type { LogEntry } from '@genrocks/storage';
import type { LogEntryDto } from './messages.dto.js';

/** Formats a log entry for an answer: text as UTF-8, anything else in base64. */
export function viewLogEntry(entry: LogEntry): LogEntryDto {
  return {
    type: entry.type,
    ...viewBytes('key', entry.key),
    ...(entry.type === 'put' ? viewBytes('value', entry.value) : {}),
    timestamp: entry.timestamp,
  };
}

function viewBytes(name: 'key' | 'value', bytes: Buffer): Partial<LogEntryDto> {
  return isUtf8(bytes)
    ? { [name]: bytes.toString('utf8') }
    : { [`${name}_base64`]: bytes.toString('base64') };
}
