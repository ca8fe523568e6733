import type { ResolvedGroupOptions } from './groups/group-options.js';
import type { HandlerContext } from './groups/group.types.js';
import type { Message, PublishMessage } from './message.js';

/** A call of a handler, or of a batch handler. */
export interface HandlerCall {
  /** One, or the batch. */
  readonly messages: readonly Message[];
  /** What the handler is told besides. */
  readonly context: HandlerContext;
}

/**
 * Looks on while messages are published and handled: metrics and tracing are made of it. Each function has to call
 * `run`, at once and once, and to return what it returns.
 *
 * @publicApi
 */
export interface Instrumentation {
  /** May publish other messages in place of the given ones, as many of them: with a header more, say. */
  publish?<R>(
    topic: string,
    messages: readonly PublishMessage[],
    run: (messages: readonly PublishMessage[]) => Promise<R>,
  ): Promise<R>;
  /** What `run` returns is a promise where the handler returns one. */
  handle?(call: HandlerCall, run: () => unknown): unknown;
}

type Publishing = NonNullable<Instrumentation['publish']>;
type Handling = NonNullable<Instrumentation['handle']>;

/** Those who look on. Where there are none, publishing and handling only look at a field that is undefined. */
export class Instruments {
  publishing: Publishing | undefined;
  private handling: Handling | undefined;

  /** Later ones run inside of earlier ones. */
  add(instrumentation: Instrumentation): void {
    const { publishing, handling } = this;
    const publish = instrumentation.publish?.bind(instrumentation);
    const handle = instrumentation.handle?.bind(instrumentation);
    if (publish !== undefined) {
      this.publishing =
        publishing === undefined
          ? publish
          : (topic, messages, run) => publishing(topic, messages, (given) => publish(topic, given, run));
    }
    if (handle !== undefined) {
      this.handling =
        handling === undefined ? handle : (call, run) => handling(call, () => handle(call, run));
    }
  }

  /** The options of a group, with its handler looked at. */
  watch(options: ResolvedGroupOptions): ResolvedGroupOptions {
    const { handler, batchHandler } = options;
    return {
      ...options,
      handler:
        handler &&
        ((message, context) =>
          this.handling === undefined
            ? handler(message, context)
            : this.handling({ messages: [message], context }, () => handler(message, context))),
      batchHandler:
        batchHandler &&
        ((messages, context) =>
          this.handling === undefined
            ? batchHandler(messages, context)
            : this.handling({ messages, context }, () => batchHandler(messages, context))),
    };
  }
}

/** Runs a handler, and calls `ended` when what it returns is over. */
export function whenHandled(run: () => unknown, ended: (ok: boolean, error?: unknown) => void): unknown {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    ended(false, error);
    throw error;
  }
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') {
    ended(true);
    return result;
  }
  return (result as PromiseLike<unknown>).then(
    (value) => {
      ended(true);
      return value;
    },
    (error: unknown) => {
      ended(false, error);
      throw error;
    },
  );
}
