import { messageOf, TopicsError } from './errors.js';

/**
 * `RETRY_AFTER`: thrown by a handler, it has the message tried again after exactly this long, in place of the usual
 * pause. It counts as a try: `retry.attempts` still bounds how often.
 */
export class RetryAfter extends TopicsError {
  constructor(
    /** Milliseconds. */
    readonly delayMs: number,
    cause?: unknown,
  ) {
    const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
    super('RETRY_AFTER', `to be tried again in ${delayMs} ms${reason}`, true, {
      cause,
      details: { delayMs },
    });
  }
}

/** `MESSAGE_REJECTED`: thrown by a handler, it ends the tries: the message goes to the dead-letter topic at once. */
export class RejectMessage extends TopicsError {
  constructor(reason: string, cause?: unknown) {
    super('MESSAGE_REJECTED', reason, false, { cause });
  }
}

/** `PARTITION_NOT_ASSIGNED`: this member of the group does not own the partition (now). */
export class PartitionNotAssignedError extends TopicsError {
  constructor(group: string, topic: string, partition: number) {
    super(
      'PARTITION_NOT_ASSIGNED',
      `this member of group ${group} does not own ${topic}/${partition}; ask the member that does, ` +
        'or stop the group and use resetOffsets',
      true,
      { details: { group, topic, partition } },
    );
  }
}
