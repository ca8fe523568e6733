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
  constructor(
    group: string,
    { topic, partition }: { readonly topic: string; readonly partition: number },
    remedy = 'ask the member that does, or stop the group and use resetOffsets',
  ) {
    super(
      'PARTITION_NOT_ASSIGNED',
      `this member of group ${group} does not own ${topic}/${partition}; ${remedy}`,
      true,
      { details: { group, topic, partition } },
    );
  }
}

/** `DELIVERY_INTERRUPTED`: why a message is a dead letter that its handler never failed with, and never finished. */
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
        `${topic}/${partition} at offset ${offset}; find out what the handler does with it, then redrive it`,
      false,
      { details: { group, topic, partition, offset, interruptions } },
    );
  }
}

/** `HANDLER_TIMEOUT`: a handler did not return in `handlerTimeoutMs`. The reason of its signal. */
export class HandlerTimeoutError extends TopicsError {
  constructor(group: string, topic: string, partition: number, offset: number, timeoutMs: number) {
    super(
      'HANDLER_TIMEOUT',
      `a handler of group ${group} has not returned for ${timeoutMs} ms, with ${topic}/${partition} at offset ${offset}; ` +
        'end it when its signal aborts, or raise handlerTimeoutMs',
      true,
      { details: { group, topic, partition, offset, timeoutMs } },
    );
  }
}
