import type { Message } from '../message.js';

/** A message that a group has given up on, as stored in its dead-letter topic. */
export interface DeadLetter<T = unknown> {
  /** The dead letter itself. Its key, value and other headers are those of the original message. */
  readonly message: Message<T>;
  /** `message`: a message that failed. `bytes`: the value is the bytes that could not be read as messages. */
  readonly kind: 'message' | 'bytes';
  /** Message of the last error. */
  readonly reason: string;
  /** Code of the last error, or its class. */
  readonly error: string;
  /** Topic of the original message. */
  readonly topic: string;
  /**
   * Partition of the original message. Like all numbers here it is read from a header, and NaN if that is not
   * a whole number, which GenRocks never writes.
   */
  readonly partition: number;
  /** Offset of the original message. */
  readonly offset: number;
  /** The group that gave up on it. */
  readonly group: string;
  /** Number of tries, including those that hung or during which the process ended; 0 for `bytes`. */
  readonly attempts: number;
  /** When the first try failed, in milliseconds since 1970; null for `bytes`. */
  readonly firstFailedAt: number | null;
  /** When its last try failed, in milliseconds since 1970. */
  readonly lastFailedAt: number;
  /** How often it was redriven before it failed again. */
  readonly redrives: number;
  /** Whether this dead letter has been redriven. */
  readonly redriven: boolean;
}

/** Selects dead letters. All given conditions must hold. */
export interface DeadLetterFilter {
  /** Only messages of this topic. */
  topic?: string;
  /** Only messages this group gave up on. */
  group?: string;
  /** Only messages with this key, as UTF-8. */
  key?: string;
  /** Only messages given up on at or after this time, in milliseconds since 1970. */
  since?: number;
  /** Only messages given up on before this time, in milliseconds since 1970. */
  until?: number;
  /** Most dead letters to process. Default: no limit for `redrive`, 100 for `list`. */
  limit?: number;
}

/** Which dead letters to list. */
export interface ListDeadLettersOptions extends DeadLetterFilter {
  /**
   * Stop after about this many bytes of keys and values, but return at least one dead letter. Default: no
   * limit.
   */
  maxBytes?: number;
}

/** Which dead letters to redrive, and where to. */
export interface RedriveOptions extends DeadLetterFilter {
  /** Topic to publish them to. Default: the topic each came from. */
  to?: string;
  /** Only count, without publishing. Default false. */
  dryRun?: boolean;
  /** Ends the redrive early, between two messages. The result states how far it came. */
  signal?: AbortSignal;
}

/** Why a dead letter could not be redriven. It stays where it is. */
export interface RedriveProblem {
  /** Partition of the dead letter in the dead-letter topic. */
  readonly partition: number;
  /** Offset of the dead letter in that partition. */
  readonly offset: number;
  /** The topic it came from according to its headers; null if the dead letter cannot be read. */
  readonly topic: string | null;
  /** Error code, such as `INVALID_DEAD_LETTER`, `TOPIC_NOT_FOUND` or `TOPIC_STOPPED`. */
  readonly code: string;
  /** The error message. */
  readonly reason: string;
}

/** Result of a redrive. */
export interface RedriveResult {
  /** Number of messages redriven, or with `dryRun` that would be. */
  readonly redriven: number;
  /**
   * Number of dead letters that match the filter but cannot be redriven, plus batches that cannot be read.
   */
  readonly skipped: number;
  /** Why they were skipped: the first 100. */
  readonly problems: readonly RedriveProblem[];
}
