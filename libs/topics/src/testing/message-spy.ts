import { isError } from '@genrocks/storage';
import { TopicsError } from '../errors.js';
import type { Message } from '../message.js';

/** `SPY_TIMEOUT`: the messages a test waited for did not come in time. */
export class SpyTimeoutError extends TopicsError {
  constructor(what: string, seen: number, timeoutMs: number) {
    super('SPY_TIMEOUT', `${what}: no matching message within ${timeoutMs} ms, ${seen} seen`);
  }
}

/** Options of a spy. */
export interface SpyOptions {
  /** How long `waitFor` waits, in milliseconds. Default 5,000. */
  timeoutMs?: number;
}

/**
 * Collects messages, and waits for messages to come.
 *
 * @publicApi
 */
export class MessageSpy<T = unknown> {
  /** All messages so far, in the order they came. */
  readonly messages: Message<T>[] = [];
  private readonly watchers = new Set<() => void>();

  /** @internal */
  constructor(
    private readonly what: string,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Resolves to the first message that fits, past or future.
   * @throws `SPY_TIMEOUT`, or what the predicate throws
   */
  async waitFor(fits: (message: Message<T>) => boolean, options: SpyOptions = {}): Promise<Message<T>> {
    const [message] = await this.waitForMany(1, fits, options);
    return message!;
  }

  /**
   * Resolves to the first `count` messages that fit.
   * @throws as {@link waitFor}
   */
  waitForMany(
    count: number,
    fits: (message: Message<T>) => boolean = () => true,
    options: SpyOptions = {},
  ): Promise<Message<T>[]> {
    const { timeoutMs = this.timeoutMs } = options;
    return new Promise((resolve, reject) => {
      const found: Message<T>[] = [];
      let looked = 0;
      const end = () => {
        clearTimeout(timer);
        this.watchers.delete(look);
      };
      const look = () => {
        try {
          for (; looked < this.messages.length && found.length < count; looked++) {
            const message = this.messages[looked]!;
            if (fits(message)) found.push(message);
          }
        } catch (error) {
          end();
          reject(isError(error) ? error : new Error(String(error)));
          return;
        }
        if (found.length < count) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        reject(new SpyTimeoutError(this.what, this.messages.length, timeoutMs));
      }, timeoutMs);
      this.watchers.add(look);
      look();
    });
  }

  /** @internal */
  saw(message: Message<T>): void {
    this.messages.push(message);
    for (const look of [...this.watchers]) look();
  }
}
