import type { ResolvedGroupOptions } from './groups/group-options.js';
import type { HandlerContext } from './groups/group.types.js';
import type { Message, PublishMessage } from './message.js';

/** A call of a handler or batch handler. */
export interface HandlerCall {
  /** The message, or the messages of the batch. */
  readonly messages: readonly Message[];
  /** The context that the handler gets. */
  readonly context: HandlerContext;
}

/**
 * Wraps publishing and handling; metrics and tracing are built on it. Each function must call `run` synchronously, exactly
 * once, and return its result.
 *
 * @publicApi
 */
export interface Instrumentation {
  /** May pass other messages to `run`, of the same number: for example, with an extra header. */
  publish?<R>(
    topic: string,
    messages: readonly PublishMessage[],
    run: (messages: readonly PublishMessage[]) => Promise<R>,
  ): Promise<R>;
  /** `run` returns a promise if the handler does. */
  handle?(call: HandlerCall, run: () => unknown): unknown;
}

type Publishing = NonNullable<Instrumentation['publish']>;
type Handling = NonNullable<Instrumentation['handle']>;

/** The registered instrumentations. Without any, publishing and handling only test an undefined field. */
export class Instruments {
  publishing: Publishing | undefined;
  private handling: Handling | undefined;

  /** Adds an instrumentation; later ones run inside earlier ones. */
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

  /** The options of a group, with its handler wrapped. */
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

/** Runs a handler and calls `ended` when it has returned or its promise has settled. */
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
