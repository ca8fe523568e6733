import type { Message } from '../message.js';
import type { AssignmentStrategy } from './assignment.js';

/** What a handler is told besides its message, and what it can say of it. */
export interface HandlerContext {
  /** Name of the group. */
  readonly group: string;
  /** Topic of the message. */
  readonly topic: string;
  /** Partition of the message. */
  readonly partition: number;
  /**
   * 1 for the first try, counting up with every retry, and with every one that ended with its process or hung; over
   * restarts as far as it was kept. Of a batch, the most that one of its messages had.
   */
  readonly attempt: number;
  /**
   * Aborts when the group stops and the time to drain is over, when the partition goes to another member, and when
   * `handlerTimeoutMs` is over (its `reason` is a `HANDLER_TIMEOUT` then): give up, the message comes again.
   */
  readonly signal: AbortSignal;
  /**
   * The message is done, whatever the handler does from here on. With `commit: 'manual'` nothing else makes it so; it
   * may be called after the handler has returned. Of a batch: one message, or without an argument all of them.
   */
  readonly ack: (message?: Message) => void;
  /**
   * The message failed, as if the handler had thrown this. Of a batch: one message (with `commit: 'auto'` the
   * others are done when the handler returns), or without a message all of them.
   */
  readonly nack: (error?: unknown, message?: Message) => void;
  /**
   * Commits what is done by now, in place of waiting for `autoCommitIntervalMs`.
   * @throws `PARTITION_NOT_ASSIGNED` where the partition went to another member, `UNKNOWN_MEMBER` where the group went on
   *   without this one, or what the store says
   */
  readonly commit: () => Promise<void>;
}

/**
 * Handles one message; see {@link ConsumerGroupOptions.handler}. What it returns is awaited; what it throws fails
 * the try.
 */
export type MessageHandler<T = unknown> = (message: Message<T>, context: HandlerContext) => unknown;
/**
 * Handles messages of one partition, in their order; see {@link ConsumerGroupOptions.batchHandler}. What it
 * returns is awaited.
 */
export type BatchHandler<T = unknown> = (messages: Message<T>[], context: HandlerContext) => unknown;

/** How failed messages are tried again. Other keys of the partition go on meanwhile. */
export interface RetryOptions {
  /**
   * Tries in all, the first one included; `Infinity` for ever. Those before a restart count as far as they were kept, which
   * is done with every commit. 1 to 1,000,000. Default 5.
   */
  attempts?: number;
  /**
   * A message is given up once it has been in its handler this many times when the process ended (an exit, a crash, out of
   * memory, `kill -9`), or when the handler hung past `handlerTimeoutMs`. The first end of a process does not count:
   * who caused it is not known; nor does one in which other messages were in doubt too, up to three times as many. 1 to 1,000,000; `Infinity`: never. Default: `attempts`, but at least 3.
   */
  interruptions?: number;
  /** Pause before the second try, in milliseconds, from 1 to an hour. Default 100. */
  initialMs?: number;
  /** Longest pause, in milliseconds, from `initialMs` to an hour. Default 30,000, or `initialMs` where that is more. */
  maxMs?: number;
  /** The pause grows by this factor from try to try, 1 to 100. Default 2. */
  factor?: number;
  /** Up to this part of a pause is cut off at random, 0 to 1. Default 0.2. */
  jitter?: number;
  /** False for an error that no other try can mend. `attempt` counts the tries so far, from 1. */
  retryIf?: (error: unknown, attempt: number) => boolean;
}

/** Where messages go that are given up. */
export interface DeadLetterOptions {
  /** Name of the dead-letter topic. Default: `<topic>.dlq`. Created, with one partition, when it is first needed. */
  topic?: string | ((topic: string) => string);
}

/** Where a partition without a committed offset begins. A time is ms since 1970. */
export type StartFrom = 'earliest' | 'latest' | { readonly offset: number } | { readonly timestamp: number };

/**
 * A topic's name, or topics by a pattern: `*` stands for any characters. Topics that match and come later are taken
 * in. Dead-letter topics (`.dlq`) only match a pattern that ends so, or a RegExp.
 */
export type TopicPattern = string | RegExp;

/** What a member of a consumer group handles, and how. */
export interface ConsumerGroupOptions<T = unknown> {
  /** Name of the group; offsets are kept under it. 1 to 255 characters, no control characters. */
  group: string;
  /** By name, by a pattern such as `orders.*` (topics that come later included), or by a RegExp. */
  topics: readonly TopicPattern[];
  /** Called with one message; it is done, and its offset may be committed, after it returns or resolves. */
  handler?: MessageHandler<T>;
  /** Instead of `handler`: called with up to `batchSize` messages of one partition. */
  batchHandler?: BatchHandler<T>;
  /** Messages a batch handler gets at most, 1 to 100,000. Default 100. */
  batchSize?: number;
  /** Where a partition without a committed offset begins. Default `earliest`. */
  from?: StartFrom;
  /**
   * How partitions are shared between the members, as far as it is this member's to say: most votes among the ways that
   * all members know decide, Kafka clients included. Default `cooperative_sticky`.
   */
  assignment?: AssignmentStrategy;
  /**
   * Names this member over its stops and starts (static membership): its partitions wait for it, and nothing is shared
   * out anew, while it is away for less than `sessionTimeoutMs`. Unique in the group. 1 to 255 characters.
   */
  instanceId?: string;
  /** How long the place of a stopped member with an `instanceId` is kept, in milliseconds, up to an hour. Default 45,000. */
  sessionTimeoutMs?: number;
  /** Handlers that may run at once per partition, up to 10,000; messages of one key keep their order. Default 1. */
  concurrency?: number;
  /**
   * `key`: a message that is tried again is overtaken by messages of other keys (those without a key are all of
   * their own). `partition`: nothing is overtaken; needs `concurrency` 1. Default `key`.
   */
  order?: 'key' | 'partition';
  /**
   * How long a handler may take to return, in milliseconds, up to a day. Then its `signal` aborts; a handler that fails
   * because of it is tried again as any other. Where it has not ended five seconds later, the member leaves the group:
   * the others get its partitions, and whatever the handler still does is not committed. It joins anew when its handlers
   * have ended, or at once where the group has no other member. 0 is no limit. Default: that of the service, which is 0.
   */
  handlerTimeoutMs?: number;
  /** `manual`: a message is done only when its handler has called `ack`. Default `auto`. */
  commit?: 'auto' | 'manual';
  /** What is done is committed this often, in milliseconds, up to an hour; 0 is at once. Default 100. */
  autoCommitIntervalMs?: number;
  /**
   * Messages this member holds at most, over all its partitions: read, waiting, failed, or not acknowledged. 1 to 1,000,000.
   * Default 1,000.
   */
  maxInFlight?: number;
  /** How failed messages are tried again. False: a message is tried once. Default: as {@link RetryOptions} says. */
  retry?: RetryOptions | false;
  /** In place of `retry.initialMs` and `retry.maxMs`; both are refused with `INVALID_GROUP`. */
  retryBackoff?: { initialMs?: number; maxMs?: number };
  /**
   * Messages whose last try failed, and bytes that are no messages, go to a dead-letter topic; by its name, with
   * options, or (true, the default) under a default name. False: they are reported (`message-dropped`) and skipped.
   */
  deadLetter?: boolean | string | DeadLetterOptions;
}
