/** Signals this close to the first one, in milliseconds, are the same wish: `timeout`, and terminals with a runner, send two. */
const SAME_WISH_MS = 200;

/**
 * Listens for SIGINT and SIGTERM.
 * @param first called once, with the first of them
 * @param again called with each that comes later, unless it comes at the same time
 */
export function onEndSignals(
  first: (signal: NodeJS.Signals) => void,
  again: (signal: NodeJS.Signals) => void,
): void {
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      first(signal);
    } else if (now - firstAt >= SAME_WISH_MS) again(signal);
  };
  process.on('SIGTERM', listener).on('SIGINT', listener);
}
