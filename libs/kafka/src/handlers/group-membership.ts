import { heartbeat } from '../protocol/apis/heartbeat.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { leaveGroup } from '../protocol/apis/leave-group.js';
import { syncGroup } from '../protocol/apis/sync-group.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';

/** From this version on a new member is first told its id. */
const KNOWN_ID_FROM = 4;
const SKIP_ASSIGNMENT_FROM = 9;
/** From this version on several members may leave at once. */
const MANY_LEAVE_FROM = 3;
/** The first version in which the protocol's name may be null. */
const NULL_PROTOCOL_FROM = 7;

export function joinGroupRoute({ groups }: BrokerContext): Route {
  return route(joinGroup, async (request, { version, clientId, session }) => {
    const result = await groups.join(request.groupId, {
      ...request,
      clientId,
      clientHost: `/${session.remoteAddress}`,
      needsKnownId: version >= KNOWN_ID_FROM,
      canSkipAssignment: version >= SKIP_ASSIGNMENT_FROM,
    });
    if (version >= NULL_PROTOCOL_FROM) return result;
    return { ...result, protocolName: result.protocolName ?? '' };
  });
}

export function syncGroupRoute({ groups }: BrokerContext): Route {
  return route(syncGroup, (request) => groups.sync(request.groupId, request));
}

export function heartbeatRoute({ groups }: BrokerContext): Route {
  return route(heartbeat, (request) => ({ errorCode: groups.heartbeat(request.groupId, request) }));
}

export function leaveGroupRoute({ groups }: BrokerContext): Route {
  return route(leaveGroup, ({ groupId, memberId, members }, { version }) => {
    if (version < MANY_LEAVE_FROM) {
      return { errorCode: groups.leave(groupId, { memberId, groupInstanceId: null }) };
    }
    const results = members.map((member) => ({ ...member, errorCode: groups.leave(groupId, member) }));
    return { errorCode: ErrorCode.NONE, members: results };
  });
}
