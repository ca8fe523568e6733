import { closeSync, openSync } from 'node:fs';

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

/**
 * Listens for SIGHUP: one call after the other, the first as soon as there is something to call. However many come while
 * one waits, they are the same wish. Where the terminal was closed, the signal says that, and ends the process as ever:
 * every line of the log would fail.
 */
export function onReloadSignal(ready: Promise<() => Promise<void>>): void {
  let last = ready.then(() => {});
  let waits = false;
  process.on('SIGHUP', () => {
    if (isTerminalGone()) {
      process.removeAllListeners('SIGHUP');
      process.kill(process.pid, 'SIGHUP');
      return;
    }
    if (waits) return;
    waits = true;
    last = last.then(async () => {
      const reload = await ready;
      waits = false;
      await reload();
    });
  });
}

function isTerminalGone(): boolean {
  if (!process.stdout.isTTY) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}
