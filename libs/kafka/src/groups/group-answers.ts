import { randomUUID } from 'node:crypto';
import type { ErrorCode } from '../protocol/error-codes.js';
import type { JoinRequest, JoinResult, SyncResult } from './classic-group.types.js';

const NOTHING = Buffer.alloc(0);

/** Readable in logs and describe; the UUID makes it unguessable. */
export function newMemberId({ clientId, groupInstanceId }: JoinRequest): string {
  return `${(groupInstanceId ?? clientId).slice(0, 200)}-${randomUUID()}`;
}

export function refusedJoin(errorCode: ErrorCode, memberId: string): JoinResult {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  };
}

export function refusedSync(errorCode: ErrorCode): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NOTHING };
}
