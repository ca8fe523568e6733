import { deleteGroups } from '../protocol/apis/delete-groups.js';
import { describeGroups } from '../protocol/apis/describe-groups.js';
import { findCoordinator } from '../protocol/apis/find-coordinator.js';
import { heartbeat } from '../protocol/apis/heartbeat.js';
import { joinGroup } from '../protocol/apis/join-group.js';
import { leaveGroup } from '../protocol/apis/leave-group.js';
import { listGroups } from '../protocol/apis/list-groups.js';
import { offsetCommit } from '../protocol/apis/offset-commit.js';
import { offsetDelete } from '../protocol/apis/offset-delete.js';
import { offsetFetch } from '../protocol/apis/offset-fetch.js';
import { syncGroup } from '../protocol/apis/sync-group.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { ResponseOf } from '../protocol/schema/api.js';
import { isSilence, type RequestContext, type Silence } from '../server/request.types.js';
import { type Desk, rule, serveAllowed } from './rule.js';

/** The first version in which the protocol name may be null. */
const NULL_PROTOCOL_FROM = 7;
/** The first version of OffsetFetch with an error for the whole request. */
const FETCH_ERROR_FROM = 2;
/** From these versions on, OffsetFetch names several groups, and FindCoordinator several keys. */
const MANY_GROUPS_FROM = 8;
const MANY_KEYS_FROM = 4;
const GROUP_KEY = 0;
const EMPTY = Buffer.alloc(0);

export const joinGroupRule = rule(joinGroup, (handle, desk) => (request, context) => {
  const errorCode = desk.group(context, 'read', request.groupId);
  if (errorCode === ErrorCode.NONE) return handle(request, context);
  const protocolName = context.version < NULL_PROTOCOL_FROM ? '' : null;
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName,
    leader: '',
    memberId: request.memberId,
    members: [],
  };
});

export const syncGroupRule = rule(syncGroup, (handle, desk) => (request, context) => {
  const errorCode = desk.group(context, 'read', request.groupId);
  return errorCode === ErrorCode.NONE
    ? handle(request, context)
    : { errorCode, protocolType: null, protocolName: null, assignment: EMPTY };
});

export const heartbeatRule = rule(heartbeat, (handle, desk) => (request, context) => {
  const errorCode = desk.group(context, 'read', request.groupId);
  return errorCode === ErrorCode.NONE ? handle(request, context) : { errorCode };
});

export const leaveGroupRule = rule(leaveGroup, (handle, desk) => (request, context) => {
  const errorCode = desk.group(context, 'read', request.groupId);
  return errorCode === ErrorCode.NONE ? handle(request, context) : { errorCode, members: [] };
});

export const describeGroupsRule = rule(describeGroups, (handle, desk) => (request, context) => {
  const refusalOf = (groupId: string) => {
    const errorCode = desk.group(context, 'see', groupId);
    if (errorCode === ErrorCode.NONE) return undefined;
    return { errorCode, groupId, state: '', protocolType: '', protocolData: '', members: [] };
  };
  return serveAllowed(request.groups, refusalOf, 'groups', (groups) =>
    handle({ ...request, groups }, context),
  );
});

/** Lists only groups that the client may see and that this broker coordinates. */
export const listGroupsRule = rule(listGroups, (handle, desk) => async (request, context) => {
  const answer = await handle(request, context);
  if (isSilence(answer)) return answer;
  const groups = (answer.groups ?? []).filter(
    ({ groupId }) => desk.group(context, 'see', groupId) === ErrorCode.NONE,
  );
  return { ...answer, groups };
});

export const deleteGroupsRule = rule(deleteGroups, (handle, desk) => (request, context) => {
  const refusalOf = (groupId: string) => {
    const errorCode = desk.group(context, 'admin', groupId);
    return errorCode === ErrorCode.NONE ? undefined : { groupId, errorCode };
  };
  return serveAllowed(request.groups, refusalOf, 'results', (groups) => handle({ groups }, context));
});

/** Every broker answers for every group, so only the right is checked. */
export const findCoordinatorRule = rule(findCoordinator, (handle) => async (request, context) => {
  const refusalOf = (key: string) => {
    if (request.keyType !== GROUP_KEY || context.access.group('see', key)) return undefined;
    const errorCode: ErrorCode = ErrorCode.GROUP_AUTHORIZATION_FAILED;
    return { key, errorCode, errorMessage: null, nodeId: -1, host: '', port: -1 };
  };
  if (context.version < MANY_KEYS_FROM) return refusalOf(request.key) ?? handle(request, context);
  return serveAllowed(request.keys, refusalOf, 'coordinators', (keys) =>
    handle({ ...request, keys }, context),
  );
});

export const offsetCommitRule = rule(offsetCommit, (handle, desk) => (request, context) => {
  const refused = desk.group(context, 'read', request.groupId);
  return serveAllowed(
    request.topics,
    ({ name, partitions }) => refuseAll(name, partitions, refused || desk.topic(context, 'read', name)),
    'topics',
    (topics) => (topics.length === 0 ? {} : handle({ ...request, topics }, context)),
  );
});

/** The same error for every partition of a topic. */
function refuseAll(name: string, partitions: readonly { readonly index: number }[], errorCode: ErrorCode) {
  if (errorCode === ErrorCode.NONE) return undefined;
  return { name, partitions: partitions.map(({ index }) => ({ index, errorCode })) };
}

type AskedOffsets = readonly { readonly name: string; readonly partitions: readonly number[] }[] | null;

interface OffsetsAnswer {
  readonly name: string;
  readonly partitions?: readonly object[];
}

/** Offsets in topics that the client may not see become errors if requested by name, and are left out otherwise. */
function hideOffsets(
  desk: Desk,
  context: RequestContext,
  asked: AskedOffsets,
  told: readonly OffsetsAnswer[],
) {
  const refusal = (name: string) => desk.topic(context, 'see', name);
  if (asked === null) return told.filter(({ name }) => refusal(name) === ErrorCode.NONE);
  return told.map((topic, i) => {
    const errorCode = refusal(topic.name);
    return errorCode === ErrorCode.NONE ? topic : noOffsets(asked[i]!, errorCode);
  });
}

function noOffsets(
  { name, partitions }: NonNullable<AskedOffsets>[number],
  errorCode: ErrorCode,
): OffsetsAnswer {
  return {
    name,
    partitions: partitions.map((index) => ({ index, committedOffset: -1, metadata: '', errorCode })),
  };
}

export const offsetFetchRule = rule(offsetFetch, (handle, desk) => async (request, context) => {
  const { version } = context;
  const check = (group: string) => desk.group(context, 'see', group);
  if (version < MANY_GROUPS_FROM) {
    const errorCode = check(request.groupId);
    if (errorCode !== ErrorCode.NONE) {
      const asked = version < FETCH_ERROR_FROM ? (request.topics ?? []) : [];
      return { errorCode, topics: asked.map((topic) => noOffsets(topic, errorCode)) as never[] };
    }
    const answer = await handle(request, context);
    if (isSilence(answer)) return answer;
    return { ...answer, topics: hideOffsets(desk, context, request.topics, answer.topics ?? []) as never[] };
  }
  return serveAllowed(
    request.groups,
    ({ groupId }) => {
      const errorCode = check(groupId);
      return errorCode === ErrorCode.NONE ? undefined : { groupId, errorCode, topics: [] };
    },
    'groups',
    async (allowed) => {
      const answer = await handle({ ...request, groups: allowed }, context);
      if (isSilence(answer)) return answer;
      const groups = (answer.groups ?? []).map((group, i) => ({
        ...group,
        topics: hideOffsets(desk, context, allowed[i]!.topics, group.topics ?? []) as never[],
      }));
      return { ...answer, groups };
    },
  );
});

export const offsetDeleteRule = rule(offsetDelete, (handle, desk) => async (request, context) => {
  const errorCode = desk.group(context, 'admin', request.groupId);
  if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] };
  const answer: ResponseOf<typeof offsetDelete> | Silence = await serveAllowed(
    request.topics,
    ({ name, partitions }) => refuseAll(name, partitions, desk.topic(context, 'read', name)),
    'topics',
    (topics) => handle({ ...request, topics }, context),
  );
  // An error of the whole request has no topics.
  return isSilence(answer) || answer.errorCode === ErrorCode.NONE ? answer : { ...answer, topics: [] };
});
