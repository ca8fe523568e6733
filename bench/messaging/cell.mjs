/**
 * One cell of bench:topics or bench:kafka in a process of its own, so that none pays for the garbage of another.
 * Argument: a JSON object `{ driver, address, bytes, mode, ms, inFlight, rate, count }`; answers one sample by message:
 * messages a second, latencies in milliseconds, and the processor time this process took for a message in microseconds.
 */
import { toSample } from '../dist/lib/measure.js';
import { FLOOR } from './floor.mjs';
import { OURS } from './ours.mjs';
import { PEERS } from './peers.mjs';

const MODES = { through, paced, produce, consume };
const WARM_UP = 1_000;
/** Compiling takes a new process about two seconds at a thousand messages a second, on threads that want the same cores. */
const WARM_UP_MS = 3_000;

const cell = JSON.parse(process.argv[2]);
const session = await { ...PEERS, ...OURS, ...FLOOR }[cell.driver](cell.address, cell.bytes);
process.send(await MODES[cell.mode](session, cell));
await session.close();
process.disconnect();
// Clients may keep timers for a reconnect that nobody needs.
process.exit(0);

/** Publishes with so many on their way, until the time is over; answers how many were acknowledged. */
async function closedLoop(publish, inFlight, goesOn) {
  let next = 0;
  const one = async () => {
    while (goesOn(next)) await publish(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return next;
}

/** Counts what arrives, and when. */
function arrivals(room) {
  const began = new Float64Array(room);
  const latencies = new Float64Array(room);
  let count = 0;
  let awaited = Infinity;
  let reached = () => {};
  return {
    began,
    latencies: () => Array.from(latencies.subarray(0, count)),
    onMessage(index) {
      latencies[count++] = performance.now() - began[index];
      if (count >= awaited) reached();
    },
    reach: (wanted) =>
      new Promise((resolve) => {
        awaited = wanted;
        reached = resolve;
        if (count >= awaited) resolve();
      }),
    reset: () => void (count = 0),
  };
}

/** From the publish to the handler, with `inFlight` publishes on their way all the time. */
async function through(session, { ms, inFlight }) {
  const seen = arrivals(8_000_000);
  const publish = (index) => {
    seen.began[index] = performance.now();
    return session.publish(index);
  };
  await session.consume(seen.onMessage);
  await closedLoop(publish, inFlight, (next) => next < WARM_UP);
  await seen.reach(WARM_UP);
  seen.reset();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const count = await closedLoop(publish, inFlight, () => performance.now() - began < ms);
  await seen.reach(count);
  return measured(seen.latencies(), count, began, cpu);
}

/** From the publish to the handler at a steady rate, whatever is acknowledged when. */
async function paced(session, { ms, rate }) {
  const seen = arrivals(((WARM_UP_MS + ms) / 1000) * rate + 1000);
  const failed = [];
  const run = async (forMs) => {
    const began = performance.now();
    let next = 0;
    while (performance.now() - began < forMs) {
      const due = Math.floor(((performance.now() - began) / 1000) * rate);
      for (; next < due; next++) {
        seen.began[next] = performance.now();
        session.publish(next).catch((error) => failed.push(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await seen.reach(next);
    return next;
  };
  await session.consume(seen.onMessage);
  await run(WARM_UP_MS);
  seen.reset();
  const cpu = process.cpuUsage();
  const began = performance.now();
  const count = await run(ms);
  if (failed.length > 0) throw failed[0];
  return measured(seen.latencies(), count, began, cpu);
}

/** Acknowledged publishes alone; one may be of a batch of messages. */
async function produce(session, { ms, inFlight, batch = 1 }) {
  await closedLoop(session.publish, inFlight, (next) => next * batch < WARM_UP);
  const latencies = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const publish = async (index) => {
    const at = performance.now();
    await session.publish(index);
    latencies.push(performance.now() - at);
  };
  const count = await closedLoop(publish, inFlight, () => performance.now() - began < ms);
  return measured(latencies, count * batch, began, cpu);
}

/** A backlog, from the first message to the last. */
async function consume(session, { inFlight, count, batch = 1 }) {
  await closedLoop(session.publish, inFlight, (next) => next * batch < count);
  let left = Math.ceil(count / batch) * batch;
  const total = left - 1;
  let cpu;
  let began;
  await new Promise((resolve, reject) => {
    const onMessage = () => {
      if (began === undefined) {
        cpu = process.cpuUsage();
        began = performance.now();
      }
      if (--left === 0) resolve();
    };
    session.consume(onMessage).catch(reject);
  });
  return measured([], total, began, cpu);
}

function measured(latencies, count, began, cpu) {
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...toSample(latencies, 1, seconds),
    perSecond: count / seconds,
    cpuMicros: (user + system) / count,
  };
}
