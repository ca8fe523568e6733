const SLICES = 4;

/**
 * A time limit on what others do. The time in which this process itself was held up (a burst of work, garbage
 * collection, a container that was frozen) hardly counts: what came meanwhile lies unread in the sockets, and timers
 * are served before sockets are. So the time passes in slices; one in which the process stood still begins anew, once,
 * and between the last one and the end the sockets are read once more. It does not keep the process alive.
 * @returns cancels it
 * @internal
 */
export function patientTimeout(ms: number, expired: () => void): () => void {
  const slice = ms / SLICES;
  let left = SLICES;
  let isExcused = false;
  let timer: NodeJS.Timeout;
  let turn: NodeJS.Immediate | undefined;
  const next = () => {
    const began = performance.now();
    timer = setTimeout(() => {
      isExcused = !isExcused && performance.now() - began > 2 * slice;
      if (!isExcused) left--;
      if (left > 0) next();
      else turn = setImmediate(expired);
    }, slice).unref();
  };
  next();
  return () => {
    clearTimeout(timer);
    if (turn !== undefined) clearImmediate(turn);
  };
}
