import { EventEmitter } from 'node:events';
import type { StoreEvent } from '@genrocks/storage';
import type { Message } from './message.js';

/** A message a group has given up on. */
export interface DeadLetterEvent {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Tries that failed; 0 for what could not be read. */
  readonly attempts: number;
  readonly error: unknown;
}

/** What the service tells of, by event name. */
export interface TopicsEventMap {
  'topic-created': [{ topic: string }];
  'topic-started': [{ topic: string }];
  'topic-stopped': [{ topic: string }];
  'topic-deleted': [{ topic: string }];
  /** A partition could not be opened; the others of its topic go on. */
  'partition-failed': [{ topic: string; partition: number; error: Error }];
  /** Something happened inside a store by itself: recovery, eviction, damage, a write with its latency. */
  'store-event': [{ topic: string; partition: number; event: StoreEvent }];
  'group-started': [{ group: string }];
  'group-stopped': [{ group: string }];
  /** The members of a group, of whatever kind, share its partitions anew. */
  rebalance: [{ group: string; generation: number }];
  /** A group went on without a member of this process, which joins anew: it did not let go of partitions in time. */
  'member-expelled': [{ group: string; memberId: string; error: unknown }];
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

/** Typed emitter. A listener that throws is its own problem: never the publisher's or the consumer's. */
export class TopicsEvents extends EventEmitter<TopicsEventMap> {
  /** Emits; what listeners throw goes to `onListenerError`, so that they cannot break the log. */
  send<K extends keyof TopicsEventMap>(name: K, event: TopicsEventMap[K][0]): void {
    if (this.listenerCount(name) === 0) return;
    try {
      (this as EventEmitter).emit(name, event);
    } catch (error) {
      this.onListenerError(error);
    }
  }

  /** Replaced by the service with its logger. */
  onListenerError: (error: unknown) => void = () => {};
}
