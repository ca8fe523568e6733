import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arbitraryMessage } from '../__fixtures__/arbitrary-message.js';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { RECORDED } from '../__fixtures__/recorded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import * as apis from '../protocol/apis/index.js';
import type { Api } from '../protocol/schema/api.js';
import type { Fields } from '../protocol/schema/fields.js';

const ALL = Object.values(apis) as unknown as Api[];

/** A request of any API and version, valid by its schema, with some bytes changed. */
const damagedRequest = fc
  .constantFrom(...ALL)
  .chain((api) => fc.tuple(fc.constant(api), fc.integer({ min: api.minVersion, max: api.maxVersion })))
  .chain(([api, version]) => {
    const { request } = (api as unknown as { description: { request: Fields } }).description;
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    return fc.tuple(arbitraryMessage(request, version), damage).map(([message, changes]) => {
      const bytes = encodeRequest(api, version, 1, message as never);
      for (const [at, byte] of changes) bytes[4 + (at % (bytes.length - 4))] = byte;
      return bytes;
    });
  });

const recordings = RECORDED.flatMap(({ requests }) => requests);
const recordingsOf = (api: Api) => recordings.filter((request) => request.readInt16BE(4) === api.key);

/** A recorded request of a real client, with some bytes changed, cut off or repeated. */
const damagedOf = (requests: readonly Buffer[]) =>
  fc
    .tuple(
      fc.constantFrom(...requests),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('whole', 'cut', 'twice'),
      fc.boolean(),
    )
    .map(([request, changes, shape, fitsLength]) => {
      const bytes = Buffer.from(request);
      for (const [at, byte] of changes) bytes[4 + (at % (bytes.length - 4))] = byte;
      if (shape === 'whole') return bytes;
      const body = bytes.subarray(4);
      const other = shape === 'cut' ? body.subarray(0, body.length >> 1) : Buffer.concat([body, body]);
      const length = Buffer.alloc(4);
      length.writeInt32BE(fitsLength ? other.length : body.length);
      return Buffer.concat([length, other]);
    });

/** A login with a valid handshake and damaged tokens. */
const damagedLogin = fc
  .tuple(
    fc.constantFrom(...recordingsOf(apis.saslHandshake as unknown as Api)),
    fc.array(damagedOf(recordingsOf(apis.saslAuthenticate as unknown as Api)), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([handshake, authenticate]) => Buffer.concat([handshake, ...authenticate]));

describe('requests that no real client sends', () => {
  let open: Embedded;
  let guarded: Embedded;
  beforeAll(async () => {
    const limits = { maxTopics: 50, maxPartitionsPerTopic: 10 };
    open = await embed({ transferTimeoutMs: 1_000 }, limits);
    guarded = await embed({ transferTimeoutMs: 1_000, users: { ada: 'lovelace' } }, limits);
  });
  afterAll(() => Promise.all([open.app.close(), guarded.app.close()]));

  it.each([
    ['made up', damagedRequest, () => open],
    ['recorded from real clients', damagedOf(recordings), () => open],
    ['without a password', damagedOf(recordings), () => guarded],
    ['on the way to authenticate', damagedLogin, () => guarded],
  ])(
    '%s, break nothing: each is answered or its connection closed, and the broker goes on',
    async (_name, damaged, embedding) => {
      const embedded = embedding();
      await fc.assert(
        fc.asyncProperty(fc.array(damaged, { minLength: 1, maxLength: 20 }), async (requests) => {
          const clients = await Promise.all(requests.map(() => RawClient.connect(embedded.port)));
          clients.forEach((client, i) => client.socket.end(requests[i]!));
          const bystander = await RawClient.connect(embedded.port);
          const software = { clientSoftwareName: 'by', clientSoftwareVersion: '1' };
          expect((await bystander.call(apis.apiVersions, 3, software)).errorCode).toBe(0);
          bystander.end();
          for (const client of clients) client.end();
          await Promise.all(clients.map(({ closed }) => closed));
        }),
        { numRuns: 40 },
      );
      await expect
        .poll(() => embedded.listener.status())
        .toMatchObject({
          connections: 0,
          requestBytes: 0,
          answerBytes: 0,
        });
    },
  );
});
