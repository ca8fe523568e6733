import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { messageOf, PartitionUnavailableError, TopicStoppedError } from '../errors.js';
import type { PartitionAppender } from './partition-appender.js';
import type { PartitionReader } from './partition-reader.js';
import type { PartitionState } from './read.types.js';

/** The parts of a partition whose store is open. */
export interface OpenLog {
  readonly store: PartitionStore;
  readonly appender: PartitionAppender;
  readonly reader: PartitionReader;
}

/** The life cycle of a partition's store: starting, open or failed, and closed. */
export class PartitionLife {
  private open: OpenLog | undefined;
  private cause: unknown;
  private closed = false;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
  ) {}

  get state(): PartitionState {
    if (this.closed) return 'closed';
    return this.cause === undefined ? 'open' : 'failed';
  }

  /** Why the store could not be opened. */
  get error(): { code: string; message: string } | undefined {
    const { cause } = this;
    if (cause === undefined) return undefined;
    return { code: isGenRocksError(cause) ? cause.code : 'UNKNOWN', message: messageOf(cause) };
  }

  /** The log in any state: undefined if it was never opened, still set after the end. */
  get log(): OpenLog | undefined {
    return this.open;
  }

  /**
   * The log, if it is open.
   * @throws `TOPIC_STOPPED` before the store is open and after it is closed, `PARTITION_UNAVAILABLE` if it
   *   failed to open
   */
  opened(): OpenLog {
    if (this.closed) throw new TopicStoppedError(this.topic);
    if (this.cause !== undefined) throw new PartitionUnavailableError(this.topic, this.partition, this.cause);
    if (this.open === undefined) throw new TopicStoppedError(this.topic, 'starting');
    return this.open;
  }

  begin(log: OpenLog): void {
    this.open = log;
  }

  fail(error: unknown): void {
    this.cause = error;
  }

  /** Accepts no further calls, finishes the writes in flight, and closes the store. */
  async end(): Promise<void> {
    this.closed = true;
    await this.open?.appender.close();
    await this.open?.store.close();
  }
}
