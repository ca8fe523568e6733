import type { Message } from '../message.js';
import type { AssignmentStrategy } from './assignment.js';

/** The context a handler receives with its message: where the message comes from, and how to settle it. */
export interface HandlerContext {
  /** Name of the group. */
  readonly group: string;
  /** Topic of the message. */
  readonly topic: string;
  /** Partition of the message. */
  readonly partition: number;
  /**
   * Number of this try, from 1. Failed tries count, and so do tries that hung or during which the process
   * ended. The count survives a restart as far as it was committed. For a batch: the highest count among its
   * messages.
   */
  readonly attempt: number;
  /**
   * Aborts when the handler should give up; the message is delivered again. This happens when the member
   * stops or loses the partition and the handler does not return within `drainTimeoutMs`, at once when the
   * group expels the member, and after `handlerTimeoutMs` (`reason` is then a `HANDLER_TIMEOUT` error).
   */
  readonly signal: AbortSignal;
  /**
   * Marks the message as done, whatever the handler does afterwards. With `commit: 'manual'` this is the only
   * way to finish a message; it may be called after the handler has returned. For a batch: marks the given
   * message, or all of them without an argument.
   */
  readonly ack: (message?: Message) => void;
  /**
   * Fails the message, as if the handler had thrown this error. For a batch: fails the given message (with
   * `commit: 'auto'` the others are done when the handler returns), or all of them without a message.
   */
  readonly nack: (error?: unknown, message?: Message) => void;
  /**
   * Commits what is done so far without waiting for `autoCommitIntervalMs`.
   * @throws `PARTITION_NOT_ASSIGNED` if this member has lost the partition, `UNKNOWN_MEMBER` if the group has
   *   expelled it, or the store's error
   */
  readonly commit: () => Promise<void>;
}

/**
 * Handles one message; see {@link ConsumerGroupOptions.handler}. A returned promise is awaited. A thrown
 * error or a rejection fails the try.
 */
export type MessageHandler<T = unknown> = (message: Message<T>, context: HandlerContext) => unknown;
/**
 * Handles messages of one partition, in offset order; see {@link ConsumerGroupOptions.batchHandler}. A
 * returned promise is awaited. A thrown error or a rejection fails the try.
 */
export type BatchHandler<T = unknown> = (messages: Message<T>[], context: HandlerContext) => unknown;

/** How failed messages are retried. Messages with other keys continue in the meantime. */
export interface RetryOptions {
  /**
   * Tries in total, including the first; `Infinity` retries for ever. Tries that hung or during which the
   * process ended count too. Counts are saved with every commit and survive a restart as far as they were
   * saved. 1 to 1,000,000. Default 5.
   */
  attempts?: number;
  /**
   * Gives up on a message after this many interruptions: the process ended while the message was in its
   * handler (an exit, a crash, out of memory, `kill -9`), or the handler hung past `handlerTimeoutMs`.
   *
   * The first end of a process does not count, because it is not known which message caused it: it makes all
   * messages that may have done so suspect. An end during which other suspect messages were in their handlers
   * too does not count either, but after three times this many interruptions of any kind the message is given
   * up on.
   *
   * 1 to 1,000,000; `Infinity`: never. Default: `attempts`, but at least 3.
   */
  interruptions?: number;
  /** Pause before the second try, in milliseconds, 1 to 3,600,000 (an hour). Default 100. */
  initialMs?: number;
  /**
   * Longest pause, in milliseconds, `initialMs` to 3,600,000 (an hour). Default 30,000, or `initialMs` if
   * that is larger.
   */
  maxMs?: number;
  /** Factor by which the pause grows with every failed try, 1 to 100. Default 2. */
  factor?: number;
  /** Each pause is shortened at random by up to this fraction, 0 to 1. Default 0.2. */
  jitter?: number;
  /**
   * Returns false for an error that no retry can fix: the message is given up on. `attempt` is the number of
   * tries so far, from 1.
   */
  retryIf?: (error: unknown, attempt: number) => boolean;
}

/** Where messages go after their last try. */
export interface DeadLetterOptions {
  /**
   * Name of the dead-letter topic, or a function that derives it from the topic's name. Default:
   * `<topic>.dlq`. The topic is created with one partition when it is first needed.
   */
  topic?: string | ((topic: string) => string);
}

/** Where to start reading. `timestamp` is in milliseconds since 1970. */
export type StartFrom = 'earliest' | 'latest' | { readonly offset: number } | { readonly timestamp: number };

/**
 * A topic name, or a pattern: a string in which `*` matches any characters, or a RegExp. Topics created later
 * are included if they match. A string pattern matches dead-letter topics (`.dlq`) only if it ends in `.dlq`
 * itself.
 */
export type TopicPattern = string | RegExp;

/** Options of one member of a consumer group: what it consumes, and how. */
export interface ConsumerGroupOptions<T = unknown> {
  /** Name of the group, under which offsets are committed. 1 to 255 characters, no control characters. */
  group: string;
  /**
   * Topics to consume: names, patterns such as `orders.*`, or RegExps. Topics created later are included if
   * they match.
   */
  topics: readonly TopicPattern[];
  /**
   * Called with one message. With `commit: 'auto'` the message is done when the handler returns or its
   * promise resolves.
   */
  handler?: MessageHandler<T>;
  /** Used instead of `handler`: called with up to `batchSize` messages of one partition. */
  batchHandler?: BatchHandler<T>;
  /** Most messages in one call of a batch handler, 1 to 100,000. Default 100. */
  batchSize?: number;
  /** Where to start in a partition without a committed offset. Default `earliest`. */
  from?: StartFrom;
  /**
   * The assignment strategy this member votes for. The group uses the strategy with the most votes among
   * those that all members support, Kafka clients included. Default `cooperative_sticky`.
   */
  assignment?: AssignmentStrategy;
  /**
   * Identifies this member across restarts (static membership). While it is away for less than
   * `sessionTimeoutMs`, its partitions wait for it and the group does not rebalance. Must be unique in the
   * group. 1 to 255 characters, no control characters.
   */
  instanceId?: string;
  /**
   * How long the group keeps the place of a stopped member with an `instanceId`, in milliseconds, 1 to
   * 3,600,000 (an hour). Default 45,000.
   */
  sessionTimeoutMs?: number;
  /**
   * Handlers that may run at once per partition, 1 to 10,000. Messages with the same key keep their order.
   * Default 1.
   */
  concurrency?: number;
  /**
   * Which order retries preserve. `key`: messages with other keys may overtake a message that waits for a
   * retry; a message without a key has no order to keep. `partition`: nothing is overtaken; needs
   * `concurrency` 1. Default `key`.
   */
  order?: 'key' | 'partition';
  /**
   * How long a handler may take, in milliseconds, up to 86,400,000 (a day); 0 is no limit. Default: the
   * service's `handlerTimeoutMs`, which is 0.
   *
   * After this time the handler's `signal` aborts; a handler that fails as a result is retried like any
   * other. If it has not ended five seconds later, the member leaves the group: other members get its
   * partitions, and nothing the handler still does is committed.
   *
   * The member rejoins when its hanging handlers have ended, or at once if the group has no other member and
   * fewer than 10 of its handlers hang.
   */
  handlerTimeoutMs?: number;
  /**
   * `auto`: a message is done when its handler returns. `manual`: it is done only when `ack` is called.
   * Default `auto`.
   */
  commit?: 'auto' | 'manual';
  /**
   * How often offsets are committed, in milliseconds, up to 3,600,000 (an hour); 0 commits at once. Default
   * 100.
   */
  autoCommitIntervalMs?: number;
  /**
   * Most messages this member holds at once over all its partitions, that is, messages read and not yet done:
   * waiting, in a handler, waiting for a retry, or not acknowledged. 1 to 1,000,000. Default 1,000.
   */
  maxInFlight?: number;
  /**
   * How failed messages are retried. False: every message is tried once. Default: see {@link RetryOptions}.
   */
  retry?: RetryOptions | false;
  /**
   * Shorthand for `retry.initialMs` and `retry.maxMs`. Giving the pauses in both places fails with
   * `INVALID_GROUP`.
   */
  retryBackoff?: { initialMs?: number; maxMs?: number };
  /**
   * Where messages go whose last try failed, and bytes that cannot be read as messages. True (the default):
   * to the topic `<topic>.dlq`. A string or {@link DeadLetterOptions}: to the topic of that name. False: they
   * are skipped and reported by a `message-dropped` event.
   */
  deadLetter?: boolean | string | DeadLetterOptions;
}
