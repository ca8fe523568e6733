import { TopicsError } from '../../errors.js';

/** `UNKNOWN_MEMBER`: the group has no such member, or no longer has it. Join again as a new member. */
export class UnknownMemberError extends TopicsError {
  constructor() {
    super('UNKNOWN_MEMBER', 'the group has no member with this id; join again without a member id');
  }
}

/** `STALE_GENERATION`: the group has rebalanced since; another member may own the partitions by now. */
export class StaleGenerationError extends TopicsError {
  constructor(generation: number, current: number) {
    super(
      'STALE_GENERATION',
      `generation ${generation} of the group has ended, the current one is ${current}; join again`,
      false,
      { details: { generation, current } },
    );
  }
}

/** `REBALANCE_IN_PROGRESS`: the group is rebalancing. Join again, then continue. */
export class RebalanceInProgressError extends TopicsError {
  constructor() {
    super('REBALANCE_IN_PROGRESS', 'the group is rebalancing; join again', true);
  }
}

/**
 * `INCONSISTENT_GROUP_PROTOCOL`: the member's protocol type or assignment protocols do not match the group's.
 */
export class InconsistentGroupProtocolError extends TopicsError {
  constructor(reason: string) {
    super('INCONSISTENT_GROUP_PROTOCOL', `the member's protocol does not match the group: ${reason}`);
  }
}

/** `FENCED_MEMBER`: a newer member, or one that is certainly alive, uses the same instance id. */
export class FencedMemberError extends TopicsError {
  constructor(instanceId: string) {
    super(
      'FENCED_MEMBER',
      'another member of the group uses this instance id; give every member its own',
      false,
      { details: { instanceId } },
    );
  }
}

/**
 * `MEMBER_ID_REQUIRED`: join again with `memberId`. A client whose first response is lost thus leaves no dead
 * member behind.
 */
export class MemberIdRequiredError extends TopicsError {
  constructor(readonly memberId: string) {
    super('MEMBER_ID_REQUIRED', 'join again with the member id in this response', true, {
      details: { memberId },
    });
  }
}

/** `GROUP_FULL`: a limit on groups, members or their memory is reached. */
export class GroupFullError extends TopicsError {
  constructor(reason: string) {
    super('GROUP_FULL', `the group accepts no more members: ${reason}`);
  }
}

/** `COORDINATOR_STOPPED`: the group coordinator is not running. Members join again once it has started. */
export class CoordinatorStoppedError extends TopicsError {
  constructor() {
    super('COORDINATOR_STOPPED', 'the group coordinator is not running; try again once it has started', true);
  }
}
