import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryMessage } from '../../__fixtures__/arbitrary-message.js';
import type { Api } from '../schema/api.js';
import type { MessageCodec } from '../schema/codec.js';
import { Reader } from '../wire/reader.js';
import { Writer } from '../wire/writer.js';
import * as apis from './index.js';

const ALL = Object.values(apis) as unknown as Api[];
const VERSIONS = ALL.flatMap((api) =>
  Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, i) => ({
    api,
    version: api.minVersion + i,
    name: `${api.name} v${api.minVersion + i}`,
  })),
);

const encode = (codec: MessageCodec, message: object): Buffer => {
  const writer = new Writer();
  codec.encode(writer, message);
  return Buffer.concat(writer.finish());
};

describe('schemas', () => {
  it('have distinct keys', () => {
    expect(new Set(ALL.map(({ key }) => key)).size).toBe(ALL.length);
  });

  it.each(VERSIONS)('$name: requests and answers survive encoding and decoding', ({ api, version }) => {
    const fields = (api as unknown as { description: Record<'request' | 'response', never> }).description;
    for (const [codec, part] of [
      [api.requestCodec(version), fields.request],
      [api.responseCodec(version), fields.response],
    ] as const) {
      fc.assert(
        fc.property(arbitraryMessage(part, version), (message) => {
          const reader = new Reader(encode(codec, message));
          expect(codec.decode(reader)).toEqual(message);
          expect(reader.remaining).toBe(0);
        }),
        { numRuns: 8 },
      );
    }
  });

  it.each(VERSIONS)('$name: damaged requests are either decoded or refused', ({ api, version }) => {
    const fields = (api as unknown as { description: Record<'request', never> }).description;
    const codec = api.requestCodec(version);
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(40) });
    fc.assert(
      fc.property(arbitraryMessage(fields.request, version), damage, (message, { at, byte, cut }) => {
        const bytes = encode(codec, message);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          codec.decode(new Reader(bytes.subarray(0, Math.max(0, bytes.length - cut))));
        } catch (error) {
          expect(error).toMatchObject({ code: 'MALFORMED_REQUEST' });
        }
      }),
      { numRuns: 8 },
    );
  });
});
