import { messageOf, TopicsError } from './errors.js';

/**
 * `RETRY_AFTER`: a handler throws it to have its message retried after exactly this delay instead of the usual pause. The
 * failed try counts towards `retry.attempts`.
 */
export class RetryAfter extends TopicsError {
  constructor(
    /** Milliseconds. */
    readonly delayMs: number,
    cause?: unknown,
  ) {
    const reason = cause === undefined ? '' : `: ${messageOf(cause)}`;
    super('RETRY_AFTER', `retry in ${delayMs} ms${reason}`, true, {
      cause,
      details: { delayMs },
    });
  }
}

/** `MESSAGE_REJECTED`: a handler throws it to give its message up: the message becomes a dead letter without a retry. */
export class RejectMessage extends TopicsError {
  constructor(reason: string, cause?: unknown) {
    super('MESSAGE_REJECTED', reason, false, { cause });
  }
}

/** `PARTITION_NOT_ASSIGNED`: this member of the group does not, or no longer, own the partition. */
export class PartitionNotAssignedError extends TopicsError {
  constructor(
    group: string,
    { topic, partition }: { readonly topic: string; readonly partition: number },
    remedy = 'call the member that owns it, or stop the group and use resetOffsets',
  ) {
    super(
      'PARTITION_NOT_ASSIGNED',
      `this member of group ${group} does not own ${topic}/${partition}; ${remedy}`,
      true,
      { details: { group, topic, partition } },
    );
  }
}

/** `DELIVERY_INTERRUPTED`: the message was given up because its handler repeatedly ended the process, or hung. */
export class DeliveryInterruptedError extends TopicsError {
  constructor(
    group: string,
    message: { readonly topic: string; readonly partition: number; readonly offset: number },
    interruptions: number,
  ) {
    const { topic, partition, offset } = message;
    super(
      'DELIVERY_INTERRUPTED',
      `the process ended, or the handler hung, each of the last ${interruptions} times group ${group} handled ` +
        `${topic}/${partition} at offset ${offset}; fix the handler for this message, then redrive it`,
      false,
      { details: { group, topic, partition, offset, interruptions } },
    );
  }
}

/** `HANDLER_TIMEOUT`: a handler did not return within `handlerTimeoutMs`. It is the `reason` of the handler's signal. */
export class HandlerTimeoutError extends TopicsError {
  constructor(group: string, topic: string, partition: number, offset: number, timeoutMs: number) {
    super(
      'HANDLER_TIMEOUT',
      `a handler of group ${group} has not returned within ${timeoutMs} ms, on ${topic}/${partition} at offset ${offset}; ` +
        'end it when its signal aborts, or raise handlerTimeoutMs',
      true,
      { details: { group, topic, partition, offset, timeoutMs } },
    );
  }
}
