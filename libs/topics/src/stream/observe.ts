import { from as toObservable, Observable, type ObservableInput, type Subscriber, Subscription } from 'rxjs';
import { InvalidMessageError } from '../errors.js';
import type { Message } from '../message.js';
import { Signal } from '../signal.js';
import type { MessageStreamOptions } from './message-stream.js';

/** Which messages an Observable reads, and how it processes them. */
export interface ObserveOptions<T = unknown, R = Message<T>> extends MessageStreamOptions {
  /**
   * Processes a message, like the function of `mergeMap`; the Observable emits its results. A message is taken from the
   * topic only while fewer than `concurrency` calls are in progress, which is the backpressure that an Observable lacks.
   */
  each?: (message: Message<T>) => ObservableInput<R>;
  /** Maximum concurrent calls of `each`. Default 1, which keeps the order, as `concatMap` does. */
  concurrency?: number;
}

/** Reads messages until the signal aborts. */
export type MessageSource<T> = (options: MessageStreamOptions) => AsyncIterable<Message<T>>;

/**
 * An Observable of messages. Each subscription reads for itself, from its own beginning; unsubscribing ends the reading.
 */
export function observeMessages<T, R>(
  source: MessageSource<T>,
  options: ObserveOptions<T, R>,
): Observable<R> {
  const { each, concurrency = 1, signal, ...where } = options;
  return new Observable<R>((subscriber) => {
    const end = new AbortController();
    const either = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
    // `return` cannot interrupt a generator that waits for data; the signal ends the wait.
    subscriber.add(() => end.abort());
    const run = async () => {
      assertObserveOptions(options);
      const messages = source({ ...where, signal: either });
      if (each === undefined) {
        for await (const message of messages) subscriber.next(message as R);
      } else {
        const work = new Work(each, concurrency, subscriber);
        for await (const message of messages) await work.take(message);
        await work.done();
      }
    };
    run().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
  });
}

function assertObserveOptions({ each, concurrency }: ObserveOptions<never, unknown>): void {
  if (each !== undefined && typeof each !== 'function')
    throw new InvalidMessageError('each must be a function');
  if (concurrency === undefined) return;
  if (each === undefined)
    throw new InvalidMessageError(
      'concurrency limits the calls of each, which is missing; pass each, or leave concurrency out',
    );
  if (concurrency !== Infinity && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new InvalidMessageError(`concurrency must be a whole number from 1, not ${String(concurrency)}`);
  }
}

/** Runs `each` for messages, at most `concurrency` at a time. */
class Work<T, R> {
  private active = 0;
  private readonly ended = new Signal();

  constructor(
    private readonly each: (message: Message<T>) => ObservableInput<R>,
    private readonly concurrency: number,
    private readonly subscriber: Subscriber<R>,
  ) {
    subscriber.add(() => this.ended.notify());
  }

  /** Starts `each` for a message; resolves when another one may start. */
  async take(message: Message<T>): Promise<void> {
    this.active++;
    const inner = new Subscription();
    this.subscriber.add(inner);
    inner.add(
      toObservable(this.each(message)).subscribe({
        next: (result) => this.subscriber.next(result),
        error: (error) => this.subscriber.error(error),
        complete: () => {
          this.active--;
          this.subscriber.remove(inner);
          this.ended.notify();
        },
      }),
    );
    await this.until(() => this.active < this.concurrency);
  }

  done(): Promise<void> {
    return this.until(() => this.active === 0);
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.subscriber.closed) await this.ended.wait();
  }
}
