import { BaseRpcContext } from '@nestjs/microservices';
import type { HandlerContext } from '../groups/group.types.js';
import type { Message } from '../message.js';

/**
 * What `@Ctx()` gives to handlers of {@link GenRocksServer}.
 *
 * @publicApi
 */
export class GenRocksContext extends BaseRpcContext<[Message, HandlerContext]> {
  /** The error a handler threw, before filters replaced it. @internal */
  failure: { readonly error: unknown } | undefined;

  /** The stored message. */
  getMessage<T = unknown>(): Message<T> {
    return this.args[0] as Message<T>;
  }

  /** The handler's context: attempt, signal, `ack`, `nack`, `commit`. */
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

  /** The metadata that the client's `setOnDispatchHook` put on the packet. */
  getMetadata(): Readonly<Record<string, unknown>> {
    return this.args[0].metadata;
  }

  /** The handler's signal; see {@link HandlerContext.signal}. */
  getSignal(): AbortSignal {
    return this.args[1].signal;
  }
}
