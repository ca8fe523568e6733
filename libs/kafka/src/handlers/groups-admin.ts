import type { GroupState, GroupSummary } from '@genrocks/topics';
import { deleteGroups } from '../protocol/apis/delete-groups.js';
import { describeGroups } from '../protocol/apis/describe-groups.js';
import { listGroups } from '../protocol/apis/list-groups.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';

const NOTHING = Buffer.alloc(0);
/** What groups are called that only have offsets, or handlers inside the process. */
const CONSUMER = 'consumer';
const CLASSIC = 'classic';

const STATES: Readonly<Record<GroupState, string>> = {
  empty: 'Empty',
  rebalancing: 'PreparingRebalance',
  stable: 'Stable',
};

/** Groups of Kafka clients, groups of handlers inside the process, and groups of which only offsets are kept. */
export function listGroupsRoute(broker: BrokerContext): Route {
  return route(listGroups, ({ statesFilter, typesFilter }) => {
    const found = new Map(
      broker.topics.groups.list().map((summary) => [summary.group, known(summary)] as const),
    );
    for (const name of broker.coordinator.names()) {
      const { state, protocolType } = broker.coordinator.describe(name)!;
      found.set(name, { groupId: name, protocolType, state, type: CLASSIC });
    }
    const states = lowerCase(statesFilter);
    const types = lowerCase(typesFilter);
    const groups = [...found.values()].filter(
      ({ state, type }) =>
        (states.size === 0 || states.has(state.toLowerCase())) && (types.size === 0 || types.has(type)),
    );
    return { errorCode: ErrorCode.NONE, groups };
  });
}

export function describeGroupsRoute(broker: BrokerContext): Route {
  return route(describeGroups, async ({ groups }) => ({
    groups: await Promise.all(
      groups.map(async (groupId) => {
        const classic = broker.coordinator.describe(groupId);
        if (classic !== undefined) {
          const { state, protocolType, protocolName: protocolData, members } = classic;
          return { errorCode: ErrorCode.NONE, groupId, state, protocolType, protocolData, members };
        }
        return {
          errorCode: ErrorCode.NONE,
          groupId,
          protocolData: '',
          ...(await inProcess(broker, groupId)),
        };
      }),
    ),
  }));
}

export function deleteGroupsRoute(broker: BrokerContext): Route {
  return route(deleteGroups, async ({ groups }) => ({
    results: await Promise.all(
      groups.map(async (groupId) => {
        if (broker.coordinator.memberCount(groupId) > 0)
          return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP };
        try {
          await broker.topics.groups.delete(groupId);
          return { groupId, errorCode: ErrorCode.NONE };
        } catch (error) {
          return { groupId, errorCode: errorCodeOf(error) };
        }
      }),
    ),
  }));
}

function known({ group, state }: GroupSummary) {
  return { groupId: group, protocolType: CONSUMER, state: STATES[state], type: CLASSIC };
}

/** A group that nobody knows is dead, which is no error. */
async function inProcess(broker: BrokerContext, groupId: string) {
  const isKnown = broker.topics.groups.list().some(({ group }) => group === groupId);
  if (!isKnown) return { state: 'Dead', protocolType: '', members: [] };
  const { state, members } = await broker.topics.groups.describe(groupId);
  return {
    state: STATES[state],
    protocolType: CONSUMER,
    members: members.map(({ memberId }) => ({
      memberId,
      groupInstanceId: null,
      clientId: 'genrocks',
      clientHost: '',
      metadata: NOTHING,
      assignment: NOTHING,
    })),
  };
}

function lowerCase(names: readonly string[]): Set<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
