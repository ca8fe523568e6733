const SLICES = 4;

/**
 * A time limit on what others do. The time in which this process itself was held up (a burst of work, garbage
 * collection, a container that was frozen) hardly counts: what came meanwhile lies unread in the sockets, and timers
 * are served before sockets are. So the time passes in slices; one in which the process stood still begins anew, once,
 * and between the last one and the end the sockets are read once more. It does not keep the process alive.
 * @param ms milliseconds, at least
 * @returns cancels it
 */
export function patientTimeout(ms: number, expired: () => void): () => void {
  // Timers drop fractions of milliseconds, and the limit must not come early.
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
