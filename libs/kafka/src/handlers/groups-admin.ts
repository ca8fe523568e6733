import type { MembershipView } from '@genrocks/topics/listener';
import { deleteGroups } from '../protocol/apis/delete-groups.js';
import { describeGroups } from '../protocol/apis/describe-groups.js';
import { listGroups } from '../protocol/apis/list-groups.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { groupOperations } from '../security/access.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';

const NOTHING = Buffer.alloc(0);
const CLASSIC = 'classic';
const OFFSETS_ONLY: Pick<MembershipView, 'state' | 'protocolType'> = {
  state: 'Empty',
  protocolType: 'consumer',
};
const UNKNOWN: Pick<MembershipView, 'state' | 'protocolType'> = { state: 'Dead', protocolType: '' };

/** Lists groups with members (Kafka clients or handlers inside the process) and groups with only committed offsets. */
export function listGroupsRoute(broker: BrokerContext): Route {
  return route(listGroups, ({ statesFilter, typesFilter }) => {
    const known = broker.topics.groups.names().map((group) => {
      const { state, protocolType } = broker.coordinator.describe(group) ?? OFFSETS_ONLY;
      return { groupId: group, protocolType, state, type: CLASSIC };
    });
    const states = lowerCase(statesFilter);
    const types = lowerCase(typesFilter);
    const groups = known.filter(
      ({ state, type }) =>
        (states.size === 0 || states.has(state.toLowerCase())) && (types.size === 0 || types.has(type)),
    );
    return { errorCode: ErrorCode.NONE, groups };
  });
}

export function describeGroupsRoute(broker: BrokerContext): Route {
  return route(
    describeGroups,
    ({ groups, includeAuthorizedOperations }, { access }) => ({
      groups: groups.map((groupId) => ({
        errorCode: ErrorCode.NONE,
        groupId,
        ...describe(broker, groupId),
        ...(includeAuthorizedOperations ? { authorizedOperations: groupOperations(access, groupId) } : {}),
      })),
    }),
    { distinct: (request) => ({ ...request, groups: [...new Set(request.groups)] }) },
  );
}

export function deleteGroupsRoute(broker: BrokerContext): Route {
  const serve: HandlerOf<typeof deleteGroups> = async ({ groups }) => ({
    results: await Promise.all(
      groups.map(async (groupId) => {
        if (broker.coordinator.memberCount(groupId) > 0)
          return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP };
        if (!broker.topics.groups.has(groupId)) return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND };
        try {
          await broker.topics.groups.delete(groupId);
          return { groupId, errorCode: ErrorCode.NONE };
        } catch (error) {
          return { groupId, errorCode: errorCodeOf(error) };
        }
      }),
    ),
  });
  return route(deleteGroups, serve, { distinct: ({ groups }) => ({ groups: [...new Set(groups)] }) });
}

/** An unknown group is reported as dead, which is not an error. */
function describe({ coordinator, topics }: BrokerContext, groupId: string) {
  const view = coordinator.describe(groupId);
  if (view === undefined) {
    return { ...(topics.groups.has(groupId) ? OFFSETS_ONLY : UNKNOWN), protocolData: '', members: [] };
  }
  const { state, protocolType, protocolName } = view;
  // Metadata and assignments are valid only once the rebalance has finished.
  const isStable = state === 'Stable';
  const members = view.members.map(({ metadata, assignment, ...member }) => ({
    ...member,
    metadata: isStable ? metadata : NOTHING,
    assignment: isStable ? assignment : NOTHING,
  }));
  return { state, protocolType, protocolData: isStable ? protocolName : '', members };
}

function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
