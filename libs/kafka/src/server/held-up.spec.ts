import { afterEach, describe, expect, it } from 'vitest';
import { type Embedded, embed } from '../__fixtures__/embedded.js';
import { encodeRequest, RawClient } from '../__fixtures__/raw-client.js';
import * as apis from '../protocol/apis/index.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { KafkaOptions } from '../options.js';

/** Several times the timeouts below. */
const HELD_UP_MS = 1_000;

/** Blocks the process with all its timers and sockets, like a lack of CPU or a SIGSTOP. */
function holdUp(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HELD_UP_MS);
}

describe('a broker process that was suspended longer than its timeouts', () => {
  let embedded: Embedded;
  let client: RawClient;

  const start = async (options: KafkaOptions) => {
    embedded = await embed(options, { topics: [{ name: 't' }] });
    client = await RawClient.connect(embedded.port);
  };
  afterEach(async () => {
    client.end();
    await embedded.app.close();
  });

  it('keeps members whose heartbeats arrived meanwhile', async () => {
    await start({ minSessionTimeoutMs: 1 });
    const group = { groupId: 'g', groupInstanceId: null };
    const { memberId, generationId } = await client.call(apis.joinGroup, 3, {
      ...group,
      sessionTimeoutMs: 400,
      rebalanceTimeoutMs: 400,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'a', metadata: Buffer.alloc(0) }],
    });
    const member = { ...group, memberId, generationId };
    await client.call(apis.syncGroup, 3, { ...member, assignments: [] });

    const beat = client.call(apis.heartbeat, 3, member);
    holdUp();

    expect(await beat).toMatchObject({ errorCode: ErrorCode.NONE });
  });

  it('keeps connections whose requests arrived meanwhile', async () => {
    await start({ transferTimeoutMs: 400, idleTimeoutMs: 400 });
    const [first, second] = [1, 2].map((id) => encodeRequest(apis.metadata, 1, id, { topics: null }));
    const answers = [client.frame(), client.frame()];
    client.socket.write(Buffer.concat([first!, second!.subarray(0, 9)]));
    await answers[0];

    client.socket.write(second!.subarray(9));
    holdUp();

    expect((await answers[1]!).readInt32BE(0)).toBe(2);
  });
});
