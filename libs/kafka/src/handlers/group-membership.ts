import { MemberIdRequiredError } from '@genrocks/topics';
import { assertGroupName } from '@genrocks/topics/listener';
import { consumerGroupHeartbeat } from '../protocol/apis/consumer-group-heartbeat.js';
import { heartbeat } from '../protocol/apis/heartbeat.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { leaveGroup } from '../protocol/apis/leave-group.js';
import { syncGroup } from '../protocol/apis/sync-group.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf, outcomeOf } from './error-mapping.js';

const NOTHING = Buffer.alloc(0);

/** From this version on, a new member first gets an id, and joins again with it. */
const KNOWN_ID_FROM = 4;
const SKIP_ASSIGNMENT_FROM = 9;
/** From this version on, several members may leave at once. */
const MANY_LEAVE_FROM = 3;
/** From this version on, a member names the protocol by which it syncs. */
const SYNC_PROTOCOL_FROM = 5;
/** The first version in which the protocol name may be null. */
const NULL_PROTOCOL_FROM = 7;

export function joinGroupRoute({ coordinator, options }: BrokerContext): Route {
  return route(joinGroup, async (request, { version, clientId, session }) => {
    const { minSessionTimeoutMs, maxSessionTimeoutMs, initialRebalanceDelayMs } = options;
    const problem = outcomeOf(() => assertGroupName(request.groupId));
    if (problem !== ErrorCode.NONE) return refusedJoin(problem, request.memberId, version);
    if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs) {
      return refusedJoin(ErrorCode.INVALID_SESSION_TIMEOUT, request.memberId, version);
    }
    try {
      const result = await coordinator.join(request.groupId, {
        ...request,
        clientId,
        clientHost: `/${session.remoteAddress}`,
        needsKnownId: version >= KNOWN_ID_FROM,
        canSkipAssignment: version >= SKIP_ASSIGNMENT_FROM,
        initialDelayMs: initialRebalanceDelayMs,
      });
      return { ...result, errorCode: ErrorCode.NONE };
    } catch (error) {
      const memberId = error instanceof MemberIdRequiredError ? error.memberId : request.memberId;
      return refusedJoin(errorCodeOf(error), memberId, version);
    }
  });
}

export function syncGroupRoute({ coordinator }: BrokerContext): Route {
  return route(syncGroup, async (request, { version }) => {
    const { protocolType, protocolName } = request;
    if (version >= SYNC_PROTOCOL_FROM && (protocolType === null || protocolName === null)) {
      return refusedSync(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    try {
      return { ...(await coordinator.sync(request.groupId, request)), errorCode: ErrorCode.NONE };
    } catch (error) {
      return refusedSync(errorCodeOf(error));
    }
  });
}

export function heartbeatRoute({ coordinator }: BrokerContext): Route {
  return route(heartbeat, (request) => ({
    errorCode: outcomeOf(() => coordinator.heartbeat(request.groupId, request)),
  }));
}

export function leaveGroupRoute({ coordinator }: BrokerContext): Route {
  return route(leaveGroup, ({ groupId, memberId, members }, { version }) => {
    if (version < MANY_LEAVE_FROM) {
      return { errorCode: outcomeOf(() => coordinator.leave(groupId, { memberId, groupInstanceId: null })) };
    }
    const problem = outcomeOf(() => assertGroupName(groupId));
    if (problem !== ErrorCode.NONE) return { errorCode: problem, members: [] };
    const results = members.map((member) => ({
      ...member,
      errorCode: outcomeOf(() => coordinator.leave(groupId, member)),
    }));
    return { errorCode: ErrorCode.NONE, members: results };
  });
}

/**
 * Refuses the consumer protocol of KIP-848 as Kafka does when it is switched off. If the API were not served at all,
 * librdkafka would silently search for another coordinator forever.
 */
export function consumerGroupHeartbeatRoute(): Route {
  return route(consumerGroupHeartbeat, () => ({
    errorCode: ErrorCode.UNSUPPORTED_VERSION,
    errorMessage: "only the classic group protocol is served: set the consumer's group.protocol to classic",
  }));
}

function refusedSync(errorCode: ErrorCode) {
  return { errorCode, protocolType: null, protocolName: null, assignment: NOTHING };
}

function refusedJoin(errorCode: ErrorCode, memberId: string, version: number) {
  const protocolName = version >= NULL_PROTOCOL_FROM ? null : '';
  return { errorCode, memberId, protocolType: null, protocolName, members: [] };
}
