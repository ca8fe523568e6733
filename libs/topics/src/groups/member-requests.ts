import { randomUUID } from 'node:crypto';
import type { TopicPartition } from './assignment.js';
import { offeredProtocols } from './coordinator/assignors.js';
import { CONSUMER_PROTOCOL } from './coordinator/consumer-protocol.js';
import type { JoinRequest, JoinResult, LocalMember, MemberIdentity } from './coordinator/membership.types.js';
import type { ResolvedGroupOptions } from './group-options.js';

/** How a member inside this process identifies itself to the coordinator. */
export interface LocalIdentity extends MemberIdentity {
  readonly local: LocalMember;
}

/** What a member states when it joins. */
interface Subscribed {
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
}

export function newId(group: string): string {
  return `${group}-${randomUUID()}`;
}

export function identityOf(
  memberId: string,
  generationId: number,
  { instanceId }: ResolvedGroupOptions,
  local: LocalMember,
): LocalIdentity {
  return { memberId, groupInstanceId: instanceId ?? null, generationId, local };
}

export function joinRequest(
  identity: LocalIdentity,
  { assignment, sessionTimeoutMs }: ResolvedGroupOptions,
  rebalanceTimeoutMs: number,
  subscribed: Subscribed,
): JoinRequest {
  const generation = identity.generationId;
  return {
    ...identity,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType: CONSUMER_PROTOCOL,
    protocols: offeredProtocols(assignment, { ...subscribed, generation }),
    clientId: 'genrocks',
    clientHost: 'in-process',
    needsKnownId: false,
    canSkipAssignment: true,
  };
}

/** The protocol agreed on in the join, to be repeated in the sync. */
export function naming({ protocolType, protocolName }: JoinResult) {
  return { protocolType, protocolName };
}
