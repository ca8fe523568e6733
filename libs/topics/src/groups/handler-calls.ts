import type { ConsumerEnvironment } from './consumer-environment.js';
import type { Delivery } from './delivery.js';
import type { Entry } from './unfinished.js';

/** Calls the handler with the messages of one partition. */
export class HandlerCalls {
  constructor(
    private readonly environment: ConsumerEnvironment,
    private readonly checksValues: boolean,
  ) {}

  /**
   * Calls the handler with the messages whose values match the schema; the others fail without being handled.
   * Undefined if the call is over already: awaiting it would cost a microtask turn per message.
   * @throws what the handler throws
   */
  call(entries: readonly Entry[], delivery: Delivery): PromiseLike<unknown> | undefined {
    const fitting = this.checksValues ? entries.filter((entry) => fits(entry, delivery)) : entries;
    if (fitting.length === 0) return undefined;
    const result = this.invoke(fitting, delivery);
    if (!isThenable(result)) return undefined;
    return this.environment.watch?.during(result, delivery) ?? result;
  }

  private invoke(entries: readonly Entry[], delivery: Delivery): unknown {
    const { handler, batchHandler } = this.environment.options;
    if (handler !== undefined) return handler(entries[0]!.message, delivery);
    return batchHandler!(
      entries.map(({ message }) => message),
      delivery,
    );
  }
}

/** Whether the value matches the topic's schema; fails the message if not. */
function fits({ message }: Entry, delivery: Delivery): boolean {
  try {
    void message.value;
    return true;
  } catch (error) {
    delivery.nack(error, message);
    return false;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
