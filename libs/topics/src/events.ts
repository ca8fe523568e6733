import { EventEmitter } from 'node:events';
import type { StoreEvent } from '@genrocks/storage';
import type { Message } from './message.js';

/** A message a group has given up on. */
export interface DeadLetterEvent {
  /** The group that gave it up. */
  readonly group: string;
  /** Topic that the message was read from. */
  readonly topic: string;
  /** Partition of the message there. */
  readonly partition: number;
  /** Offset of the message there. */
  readonly offset: number;
  /** Tries that failed; 0 for what could not be read. */
  readonly attempts: number;
  /** Why its last try failed. */
  readonly error: unknown;
}

/** A topic came, went, or changed its state. */
export interface TopicEvent {
  /** Its name. */
  readonly topic: string;
  /** Its UUID. */
  readonly id: string;
}

/** What the service tells of, by event name. */
export interface TopicsEventMap {
  /** A topic was created, and is open. */
  'topic-created': [TopicEvent];
  /** A topic is open: after its creation, at the start of the service, or by `startTopic`. */
  'topic-started': [TopicEvent];
  /** A topic was closed by `stopTopic`; its data stay. */
  'topic-stopped': [TopicEvent];
  /** A topic is gone with its data. */
  'topic-deleted': [TopicEvent];
  /** A deletion that an earlier process had begun could not be finished; `deleteTopic` and the next start go on with it. */
  'deletion-unfinished': [TopicEvent & { error: unknown }];
  /** A topic has this many partitions now. */
  'partitions-added': [{ topic: string; partitions: number }];
  /** A partition could not be opened; the others of its topic go on. */
  'partition-failed': [{ topic: string; partition: number; error: Error }];
  /** Something happened inside a store by itself: recovery, eviction, damage, a write with its latency. */
  'store-event': [{ topic: string; partition: number; event: StoreEvent }];
  /** An adapter refuses writes with `NO_SPACE`: the first of them. Further ones are counted, not told. */
  'storage-full': [{ adapter: string; error: Error }];
  /** It takes writes again, and has refused none for five seconds; `ms` since the first of `refusals`. */
  'storage-has-room': [{ adapter: string; refusals: number; ms: number }];
  /**
   * Storage has not taken a write: messages, whoever published them, or the service's own state. `isNew` where none failed
   * with this code in the minute before.
   */
  'write-failed': [{ adapter: string; code: string; error: unknown; isNew: boolean }];
  /** A member of this process has joined its group. */
  'group-started': [{ group: string; memberId: string }];
  /** A member of this process has left: it was drained, and what was done is committed. */
  'group-stopped': [{ group: string; memberId: string }];
  /** The members of a group, of whatever kind, share its partitions anew. */
  rebalance: [{ group: string; generation: number }];
  /** A group goes on without a member of this process, which joins anew: it did not let go in time, or a handler hangs. */
  'member-expelled': [{ group: string; memberId: string; error: unknown }];
  /** A handler has not returned in `handlerTimeoutMs`: its signal aborts. If it hangs on, `member-expelled` follows. */
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
  /** A message is done. One event a message: listen only while it is needed. */
  handled: [{ group: string; message: Message }];
  /** A handler failed; it is tried again after `retryInMs`, or (null) not any more. */
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
  /** A message, or bytes that are none, went to the dead-letter topic. */
  'dead-letter': [DeadLetterEvent & { deadLetterTopic: string }];
  /** As `dead-letter`, of a group without a dead-letter topic: it was skipped. */
  'message-dropped': [DeadLetterEvent];
  /** A group could not read or commit; it tries again. */
  'consumer-error': [{ group: string; topic: string; partition: number; error: unknown }];
  /** Records a group had not read were dropped by retention or truncation: offsets `from` to `to - 1`. */
  'retention-lost': [{ group: string; topic: string; partition: number; from: number; to: number }];
}

/**
 * Typed emitter: `topics.events.on('dead-letter', ({ group, topic, offset }) => ...)`. Listeners are called at once, in
 * their order. One that throws, or returns a promise that rejects, is logged: never the publisher's problem, nor the
 * consumer's, nor that of other listeners.
 *
 * @publicApi
 */
export class TopicsEvents extends EventEmitter<TopicsEventMap> {
  /** Emits; what listeners throw goes to `onListenerError`, so that they cannot break the log. @internal */
  send<K extends keyof TopicsEventMap>(name: K, event: TopicsEventMap[K][0]): void {
    if (this.listenerCount(name) === 0) return;
    // Not by `emit`, which ends with the first listener that throws. Of `once` these are the wrappers.
    for (const listener of (this as EventEmitter).rawListeners(name)) {
      try {
        const result: unknown = listener.call(this, event);
        if (result instanceof Promise) result.catch((error: unknown) => this.onListenerError(error));
      } catch (error) {
        this.onListenerError(error);
      }
    }
  }

  /** Replaced by the service with its logger. @internal */
  onListenerError: (error: unknown) => void = () => {};
}
