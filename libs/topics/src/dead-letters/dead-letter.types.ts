import type { Message } from '../message.js';

/** A message a group has given up on, as its dead-letter topic has it. */
export interface DeadLetter<T = unknown> {
  /** Where the dead letter lies; its key, value and other headers are those of the original. */
  readonly message: Message<T>;
  /** `bytes`: the value is what could not be read as messages. */
  readonly kind: 'message' | 'bytes';
  /** What the last error said. */
  readonly reason: string;
  /** Code or class of the error. */
  readonly error: string;
  /** Where the original was read. */
  readonly topic: string;
  /** As its header says; NaN where that is no whole number, which nothing of GenRocks writes. So with all numbers here. */
  readonly partition: number;
  /** Of the original in its partition. */
  readonly offset: number;
  /** The group that gave it up. */
  readonly group: string;
  /** Tries, those that ended with their process or hung included; 0 of `bytes`. */
  readonly attempts: number;
  /** Milliseconds since 1970. Null of `bytes`. */
  readonly firstFailedAt: number | null;
  /** When its last try failed, in milliseconds since 1970. */
  readonly lastFailedAt: number;
  /** How often it had been redriven before it failed again. */
  readonly redrives: number;
  /** It was put back since. */
  readonly redriven: boolean;
}

/** Which dead letters are meant. All conditions given must hold. */
export interface DeadLetterFilter {
  /** Only of this topic. */
  topic?: string;
  /** Only of this group. */
  group?: string;
  /** Only with this key, as UTF-8. */
  key?: string;
  /** Only given up at this time or later, ms since 1970. */
  since?: number;
  /** Only given up before this time, ms since 1970. */
  until?: number;
  /** At most so many. Default: no limit for `redrive`, 100 for `list`. */
  limit?: number;
}

/** Which dead letters to list. */
export interface ListDeadLettersOptions extends DeadLetterFilter {
  /** Stop after about this many bytes of keys and values; at least one is given. Default: no limit. */
  maxBytes?: number;
}

/** Which dead letters to put back, and where. */
export interface RedriveOptions extends DeadLetterFilter {
  /** Another topic to publish them to. Default: where each came from. */
  to?: string;
  /** Only count. Default false. */
  dryRun?: boolean;
  /** Ends early, between two messages; the result tells how far it came. */
  signal?: AbortSignal;
}

/** Why a dead letter could not be put back. It stays where it is. */
export interface RedriveProblem {
  /** Where the dead letter lies. */
  readonly partition: number;
  /** Of the dead letter in its topic. */
  readonly offset: number;
  /** The topic it says it came from; null where nothing of it can be read. */
  readonly topic: string | null;
  /** Code of the error: `INVALID_DEAD_LETTER`, `TOPIC_NOT_FOUND`, `TOPIC_STOPPED`, ... */
  readonly code: string;
  /** Why it was left where it is. */
  readonly reason: string;
}

/** How far a redrive came. */
export interface RedriveResult {
  /** Messages put back (or with `dryRun`, that would be). */
  readonly redriven: number;
  /** Dead letters that fit the filter but cannot be put back, and what cannot be read at all. */
  readonly skipped: number;
  /** Why they were skipped; the first 100. */
  readonly problems: readonly RedriveProblem[];
}
