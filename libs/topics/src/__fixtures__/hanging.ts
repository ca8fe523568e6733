import { Collector, deferred } from './waiting.js';
import type { HandlerContext } from '../groups/group.types.js';

/** The handler time limit in tests. */
export const LIMIT_MS = 60_000;

/** A handler that hangs until it is released, with the contexts of its calls. */
export function hanging() {
  const release = deferred();
  const calls = new Collector<HandlerContext>();
  const handler = async (_message: unknown, context: HandlerContext) => {
    calls.push(context);
    await release.promise;
  };
  return { release: release.resolve, calls, handler };
}
