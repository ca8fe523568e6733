import { TopicsError } from '../../errors.js';

/** `UNKNOWN_MEMBER`: the group has no such member (any more). Join again as a new one. */
export class UnknownMemberError extends TopicsError {
  constructor() {
    super('UNKNOWN_MEMBER', 'the group has no member of this id; join again without one');
  }
}

/** `STALE_GENERATION`: the partitions were shared out anew since; what the member owned may be another's. */
export class StaleGenerationError extends TopicsError {
  constructor(generation: number, current: number) {
    super(
      'STALE_GENERATION',
      `generation ${generation} of the group is over, the current one is ${current}; join again`,
      false,
      { details: { generation, current } },
    );
  }
}

/** `REBALANCE_IN_PROGRESS`: the partitions are being shared out anew. Join (again), then go on. */
export class RebalanceInProgressError extends TopicsError {
  constructor() {
    super('REBALANCE_IN_PROGRESS', 'the group shares its partitions out anew; join again', true);
  }
}

/** `INCONSISTENT_GROUP_PROTOCOL`: the member knows no way to share partitions out that all others know too. */
export class InconsistentGroupProtocolError extends TopicsError {
  constructor(reason: string) {
    super('INCONSISTENT_GROUP_PROTOCOL', `the member does not fit the group: ${reason}`);
  }
}

/** `FENCED_MEMBER`: a newer member goes by the same instance id, or one that certainly lives. */
export class FencedMemberError extends TopicsError {
  constructor(instanceId: string) {
    super(
      'FENCED_MEMBER',
      'another member of the group goes by this instance id; give every member one of its own',
      false,
      { details: { instanceId } },
    );
  }
}

/** `MEMBER_ID_REQUIRED`: join again with `memberId`. Spares the group members whose first request was lost. */
export class MemberIdRequiredError extends TopicsError {
  constructor(readonly memberId: string) {
    super('MEMBER_ID_REQUIRED', 'join again with the member id of this answer', true, {
      details: { memberId },
    });
  }
}

/** `GROUP_FULL`: no more members fit into the group, or into memory. */
export class GroupFullError extends TopicsError {
  constructor(reason: string) {
    super('GROUP_FULL', `the group takes no further member: ${reason}`);
  }
}

/** `COORDINATOR_STOPPED`: groups are not served now. Members join again after the start. */
export class CoordinatorStoppedError extends TopicsError {
  constructor() {
    super('COORDINATOR_STOPPED', 'consumer groups are not served now; try again after the start', true);
  }
}
