import { Collector, deferred } from './waiting.js';
import type { HandlerContext } from '../groups/group.types.js';

/** The time that handlers of tests have. */
export const LIMIT_MS = 60_000;

/** A handler that hangs until it is released, and what its calls were told. */
export function hanging() {
  const release = deferred();
  const calls = new Collector<HandlerContext>();
  const handler = async (_message: unknown, context: HandlerContext) => {
    calls.push(context);
    await release.promise;
  };
  return { release: release.resolve, calls, handler };
}
