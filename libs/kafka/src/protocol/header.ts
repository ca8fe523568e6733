import { apiVersions } from './apis/api-versions.js';
import type { Api } from './schema/api.js';
import type { Reader } from './wire/reader.js';
import type { Writer } from './wire/writer.js';

/** What stands in front of every request, whatever its API. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
}

/** The fixed part, which can be read before it is known which API and version is spoken. */
export function readRequestHeader(reader: Reader): RequestHeader {
  return { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
}

/** The rest of the header: the client's name of itself, which stays an int16 string in flexible versions too. */
export function readClientId(reader: Reader, flexible: boolean): string | null {
  const clientId = reader.nullableString();
  if (flexible) reader.skipTags();
  return clientId;
}

export function writeResponseHeader(writer: Writer, api: Api, version: number, correlationId: number): void {
  writer.int32(correlationId);
  if (api.isFlexible(version) && api.key !== apiVersions.key) writer.noTags();
}
