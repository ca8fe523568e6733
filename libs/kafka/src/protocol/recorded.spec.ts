import { describe, expect, it } from 'vitest';
import { RECORDED } from '../__fixtures__/recorded.js';
import * as apis from './apis/index.js';
import { readClientId, readRequestHeader } from './header.js';
import type { Api } from './schema/api.js';
import { Reader } from './wire/reader.js';
import { Writer } from './wire/writer.js';

const BY_KEY = new Map((Object.values(apis) as unknown as Api[]).map((api) => [api.key, api]));

/** Decodes a request and encodes it again. */
function rewrite(request: Buffer): { api: Api; version: number; bytes: Buffer; left: number } {
  const reader = new Reader(request.subarray(4));
  const { apiKey, apiVersion: version, correlationId } = readRequestHeader(reader);
  const api = BY_KEY.get(apiKey)!;
  const flexible = api.isFlexible(version);
  const clientId = readClientId(reader, flexible);
  const message = api.requestCodec(version).decode(reader);
  const writer = new Writer().int16(apiKey).int16(version).int32(correlationId).nullableString(clientId);
  if (flexible) writer.noTags();
  api.requestCodec(version).encode(writer, message);
  return { api, version, bytes: Buffer.concat(writer.frame()), left: reader.remaining };
}

describe.each(RECORDED)('requests of $client', ({ requests }) => {
  it('use versions that are served', () => {
    for (const request of requests) {
      const { api, version } = rewrite(request);
      // A client may send its first ApiVersions in a version that is not served.
      if (api.key !== apis.apiVersions.key)
        expect(api.supports(version), `${api.name} v${version}`).toBe(true);
    }
  });

  it('are decoded and encoded byte for byte', () => {
    for (const request of requests) {
      const { api, version, bytes, left } = rewrite(request);
      expect(left, `${api.name} v${version}`).toBe(0);
      expect(bytes.toString('hex'), `${api.name} v${version}`).toBe(request.toString('hex'));
    }
  });
});

it('covers what clients do', () => {
  const keys = RECORDED.flatMap(({ requests }) => requests.map((request) => request.readInt16BE(4)));
  const { produce, fetch, joinGroup, offsetCommit, createTopics, saslHandshake, saslAuthenticate } = apis;
  for (const api of [
    produce,
    fetch,
    joinGroup,
    offsetCommit,
    createTopics,
    saslHandshake,
    saslAuthenticate,
  ]) {
    expect(keys).toContain(api.key);
  }
});
