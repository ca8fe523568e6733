import { BaseRpcContext } from '@nestjs/microservices';
import type { HandlerContext } from '../groups/group.types.js';
import type { Message } from '../message.js';

/**
 * What `@Ctx()` gives to handlers of {@link GenRocksServer}.
 *
 * @publicApi
 */
export class GenRocksContext extends BaseRpcContext<[Message, HandlerContext]> {
  /** The error a handler failed with, before filters made another one of it. @internal */
  failure: { readonly error: unknown } | undefined;

  /** The message as it was stored. */
  getMessage<T = unknown>(): Message<T> {
    return this.args[0] as Message<T>;
  }

  /** Attempt, `ack`, `nack`, `commit`, as other handlers of a group have them. */
  getHandlerContext(): HandlerContext {
    return this.args[1];
  }

  /** Topic of the message. */
  getTopic(): string {
    return this.args[0].topic;
  }

  /** Partition of the message. */
  getPartition(): number {
    return this.args[0].partition;
  }

  /** Headers of the message, as text. */
  getHeaders(): Readonly<Record<string, string>> {
    return this.args[0].headers;
  }

  /** What the client's `setOnDispatchHook` has put on the packet. */
  getMetadata(): Readonly<Record<string, unknown>> {
    return this.args[0].metadata;
  }

  /** Aborts when the time to drain is over. */
  getSignal(): AbortSignal {
    return this.args[1].signal;
  }
}
