import { CONSUMER_PROTOCOL, encodeSubscription } from '../groups/coordinator/consumer-protocol.js';
import type { JoinRequest, MemberIdentity, SyncRequest } from '../groups/coordinator/membership.types.js';

/** The request of a client that joins as a new, dynamic member; `given` overrides fields. */
export function joinRequest(given: Partial<JoinRequest> = {}): JoinRequest {
  return {
    memberId: '',
    groupInstanceId: null,
    sessionTimeoutMs: 1_000,
    rebalanceTimeoutMs: 5_000,
    protocolType: CONSUMER_PROTOCOL,
    protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    clientId: 'test',
    clientHost: '/127.0.0.1',
    needsKnownId: false,
    canSkipAssignment: false,
    ...given,
  };
}

/** The request of a client that subscribes to topics, with long timeouts. */
export function subscribing(...topics: string[]): JoinRequest {
  const metadata = encodeSubscription({ topics, owned: [], generation: -1 }, 0);
  return joinRequest({
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 60_000,
    protocols: [{ name: 'range', metadata }],
  });
}

/** A member's sync request; the leader's carries all assignments. */
export function syncRequest(identity: MemberIdentity, shares: Record<string, string> = {}): SyncRequest {
  return {
    ...identity,
    protocolType: null,
    protocolName: null,
    assignments: Object.entries(shares).map(([memberId, share]) => ({
      memberId,
      assignment: Buffer.from(share),
    })),
  };
}
