import { apiVersions } from './apis/api-versions.js';
import type { Api } from './schema/api.js';
import type { Reader } from './wire/reader.js';
import type { Writer } from './wire/writer.js';

/** The fixed part of a request's header, the same for every API. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** Reads the fixed part of the header, which tells the API and version. */
export function readRequestHeader(reader: Reader): RequestHeader {
  return { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
}

/** Reads the rest of the header: the client id, which has an int16 length in flexible versions too. */
export function readClientId(reader: Reader, flexible: boolean): string | null {
  const clientId = reader.nullableString();
  if (flexible) reader.skipTags();
  return clientId;
}

export function writeResponseHeader(writer: Writer, api: Api, version: number, correlationId: number): void {
  writer.int32(correlationId);
  if (api.isFlexible(version) && api.key !== apiVersions.key) writer.noTags();
}
