const SLICES = 4;

/**
 * A time limit on a peer that discounts the time in which this process itself stood still (a burst of work, garbage
 * collection, a frozen container). Data that arrived meanwhile is still unread, because Node serves timers before sockets.
 * So the time passes in slices: a slice in which the process stood still is repeated once, and sockets are read once more
 * after the last slice. The limit does not keep the process alive.
 * @param ms minimum in milliseconds
 * @returns cancels the limit
 */
export function patientTimeout(ms: number, expired: () => void): () => void {
  // Timers truncate fractions of milliseconds; the limit must not expire early.
  const slice = Math.floor(ms / SLICES);
  const last = Math.ceil(ms) - (SLICES - 1) * slice;
  let left = SLICES;
  let isExcused = false;
  let timer: NodeJS.Timeout;
  let turn: NodeJS.Immediate | undefined;
  const next = () => {
    const began = performance.now();
    const wait = left === 1 ? last : slice;
    timer = setTimeout(() => {
      isExcused = !isExcused && performance.now() - began > 2 * wait;
      if (!isExcused) left--;
      if (left > 0) next();
      else turn = setImmediate(expired);
    }, wait).unref();
  };
  next();
  return () => {
    clearTimeout(timer);
    if (turn !== undefined) clearImmediate(turn);
  };
}
