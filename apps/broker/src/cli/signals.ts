import { closeSync, openSync } from 'node:fs';

/** Signals within this many ms of the first count as the same request: `timeout`, and a terminal with npm, send two. */
const SAME_WISH_MS = 200;

/**
 * Listens for SIGINT and SIGTERM.
 * @param first called once, with the first signal
 * @param again called with each later signal, except within {@link SAME_WISH_MS} of the first
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
 * Calls the function that `ready` resolves to on SIGHUP, one call at a time. Signals that arrive while a call is waiting
 * are merged into it. If the terminal was closed, SIGHUP ends the process as usual: every line of the log would fail.
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
