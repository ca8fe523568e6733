import { InvalidGroupError, messageOf } from '../errors.js';
import type { Unreadable } from '../dead-letters/dead-letter-writer.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import type { Entry } from './unfinished.js';

/** What happens to messages whose handler failed. */
export interface Verdict {
  /** Pause before the messages with tries left are retried. */
  readonly pauseMs: number;
  /** The messages without tries left. */
  readonly over: readonly Entry[];
}

/**
 * Counts the failures of one partition's messages, and moves those that are given up on to the dead-letter
 * topic.
 */
export class Failures {
  constructor(
    private readonly environment: ConsumerEnvironment,
    private readonly place: TopicPartition,
    private readonly stopping: AbortSignal,
    private readonly counters: { failed: number },
  ) {}

  /** Judges the messages of one call, and sends a `handler-error` event. */
  judge(entries: readonly Entry[], errorOf: (entry: Entry) => unknown): Verdict {
    const { clock, retries, events, options } = this.environment;
    this.counters.failed++;
    const over: Entry[] = [];
    let pauseMs = 0;
    for (const entry of entries) {
      entry.attempts++;
      entry.current = undefined;
      if (entry.firstFailedAt === 0) entry.firstFailedAt = clock.now();
      const pause = retries.next(errorOf(entry), triesOf(entry), (broken) =>
        this.report('retry.retryIf', broken),
      );
      if (pause === null) over.push(entry);
      else pauseMs = Math.max(pauseMs, pause);
    }
    const first = entries[0]!;
    events.send('handler-error', {
      group: options.group,
      ...this.place,
      offset: first.message.offset,
      attempt: triesOf(first),
      retryInMs: over.length === entries.length ? null : pauseMs,
      error: errorOf(first),
    });
    return { pauseMs, over };
  }

  /**
   * Resolves true once the message is stored in its dead-letter topic or dropped, false if the consumer
   * stopped first.
   */
  bury(entry: Entry, error: unknown): Promise<boolean> {
    const { deadLetters } = this.environment;
    const { message, firstFailedAt } = entry;
    const attempts = triesOf(entry);
    return this.giveUp(message.offset, attempts, error, (to, burial) =>
      deadLetters.message(to, burial, message, attempts, firstFailedAt),
    );
  }

  buryBytes(unreadable: Unreadable, error: unknown): Promise<boolean> {
    const { deadLetters } = this.environment;
    return this.giveUp(unreadable.offset, 0, error, (to, burial) =>
      deadLetters.bytes(to, burial, unreadable),
    );
  }

  private async giveUp(
    offset: number,
    attempts: number,
    error: unknown,
    write: (to: string, burial: TopicPartition & { group: string; error: unknown }) => Promise<void>,
  ): Promise<boolean> {
    const { options, events } = this.environment;
    const { group, deadLetter } = options;
    const event = { group, ...this.place, offset, attempts, error };
    if (deadLetter === undefined) {
      events.send('message-dropped', event);
      return true;
    }
    let deadLetterTopic = '';
    const isWritten = await this.untilDone(async () => {
      deadLetterTopic = deadLetter(this.place.topic);
      await write(deadLetterTopic, { group, ...this.place, error });
    });
    if (isWritten) events.send('dead-letter', { ...event, deadLetterTopic });
    return isWritten;
  }

  /** Reports an error thrown by a function of the application, which must not end its consumer. */
  private report(what: string, broken: unknown): void {
    const error = new InvalidGroupError(`${what} threw; fix the function: ${messageOf(broken)}`);
    this.environment.events.send('consumer-error', {
      group: this.environment.options.group,
      ...this.place,
      error,
    });
  }

  private async untilDone(write: () => Promise<void>): Promise<boolean> {
    const { options, events, clock, retries } = this.environment;
    for (let failed = 1; ; failed++) {
      try {
        await write();
        return true;
      } catch (error) {
        events.send('consumer-error', { group: options.group, ...this.place, error });
        if (this.stopping.aborted) return false;
        await clock.sleep(retries.delay(failed), this.stopping);
      }
    }
  }
}

function triesOf({ attempts, interrupted }: Entry): number {
  return attempts + interrupted;
}
