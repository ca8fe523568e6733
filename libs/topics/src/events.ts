import { EventEmitter } from 'node:events';
import type { StoreEvent } from '@genrocks/storage';
import type { Message } from './message.js';

/** A message that a group has given up. */
export interface DeadLetterEvent {
  /** The group that gave it up. */
  readonly group: string;
  /** Topic that the message was read from. */
  readonly topic: string;
  /** Partition of the message there. */
  readonly partition: number;
  /** Offset of the message there. */
  readonly offset: number;
  /** Tries that failed; 0 for bytes that could not be read. */
  readonly attempts: number;
  /** The error of the last try. */
  readonly error: unknown;
}

/** A topic was created, deleted, or changed its state. */
export interface TopicEvent {
  /** Its name. */
  readonly topic: string;
  /** Its UUID. */
  readonly id: string;
}

/** The events of the service, by name. */
export interface TopicsEventMap {
  /** A topic was created, and is open. */
  'topic-created': [TopicEvent];
  /** A topic is open: after its creation, at the start of the service, or by `startTopic`. */
  'topic-started': [TopicEvent];
  /** A topic was closed by `stopTopic`; its data is kept. */
  'topic-stopped': [TopicEvent];
  /** A topic and its data were deleted. */
  'topic-deleted': [TopicEvent];
  /** A deletion begun by an earlier process could not be finished; `deleteTopic` or the next start continues it. */
  'deletion-unfinished': [TopicEvent & { error: unknown }];
  /** A topic now has this many partitions. */
  'partitions-added': [{ topic: string; partitions: number }];
  /** A partition could not be opened; the others of its topic run. */
  'partition-failed': [{ topic: string; partition: number; error: Error }];
  /** Something happened inside a store: recovery, eviction, damage, a failure, a write with its latency. */
  'store-event': [{ topic: string; partition: number; event: StoreEvent }];
  /** An adapter began to refuse writes with `NO_SPACE`. Further refusals are counted, not emitted. */
  'storage-full': [{ adapter: string; error: Error }];
  /** A full adapter takes writes again, and has refused none for five seconds. `ms`: since the first of `refusals`. */
  'storage-has-room': [{ adapter: string; refusals: number; ms: number }];
  /**
   * A write to storage failed: messages, whoever published them, or the service's own state. `isNew`: no write failed with
   * this code in the minute before.
   */
  'write-failed': [{ adapter: string; code: string; error: unknown; isNew: boolean }];
  /** A member of this process has joined its group. */
  'group-started': [{ group: string; memberId: string }];
  /** A member of this process has left its group: it was drained, and finished messages are committed. */
  'group-stopped': [{ group: string; memberId: string }];
  /** A group, whatever kind its members are, assigned its partitions anew. */
  rebalance: [{ group: string; generation: number }];
  /** A group went on without a member of this process, which rejoins: it did not let go in time, or a handler hangs. */
  'member-expelled': [{ group: string; memberId: string; error: unknown }];
  /** A handler did not return within `handlerTimeoutMs`: its signal aborts. If it still hangs, `member-expelled` follows. */
  'handler-timeout': [
    {
      group: string;
      memberId: string;
      topic: string;
      partition: number;
      offset: number;
      attempt: number;
      timeoutMs: number;
    },
  ];
  /** A message is done. One event per message: listen only while you need it. */
  handled: [{ group: string; message: Message }];
  /** A handler failed. Its message is retried after `retryInMs`, or (null) given up. */
  'handler-error': [
    {
      group: string;
      topic: string;
      partition: number;
      offset: number;
      attempt: number;
      retryInMs: number | null;
      error: unknown;
    },
  ];
  /** A message, or bytes that are not a message, moved to the dead-letter topic. */
  'dead-letter': [DeadLetterEvent & { deadLetterTopic: string }];
  /** A group without a dead-letter topic skipped a message it gave up. */
  'message-dropped': [DeadLetterEvent];
  /**
   * A read, a commit or a move to the dead-letter topic failed and is repeated, or `retryIf` or `deadLetter.topic` of the
   * application threw.
   */
  'consumer-error': [{ group: string; topic: string; partition: number; error: unknown }];
  /** Retention or truncation dropped records that a group had not read: offsets `from` to `to - 1`. */
  'retention-lost': [{ group: string; topic: string; partition: number; from: number; to: number }];
}

/**
 * Typed emitter: `topics.events.on('dead-letter', ({ group, topic, offset }) => ...)`. Listeners are called synchronously,
 * in order. A listener that throws, or returns a promise that rejects, is logged and affects nothing else.
 *
 * @publicApi
 */
export class TopicsEvents extends EventEmitter<TopicsEventMap> {
  /** Emits an event; errors of listeners go to `onListenerError`, so that they cannot break the log. @internal */
  send<K extends keyof TopicsEventMap>(name: K, event: TopicsEventMap[K][0]): void {
    if (this.listenerCount(name) === 0) return;
    // Not `emit`: it stops at the first listener that throws. Raw listeners include the wrappers of `once`.
    for (const listener of (this as EventEmitter).rawListeners(name)) {
      try {
        const result: unknown = listener.call(this, event);
        if (result instanceof Promise) result.catch((error: unknown) => this.onListenerError(error));
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  /** The service sets it to write to its logger. @internal */
  onListenerError: (error: unknown) => void = () => {};
}
