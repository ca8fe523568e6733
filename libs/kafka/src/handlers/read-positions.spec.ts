import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Session } from '../server/request.types.js';
import { AllReadPositions } from './read-positions.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

const heapBytes = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

describe('the positions of all connections', () => {
  const session = (connectionId: number) => ({ connectionId }) as Session;
  const stays = () => new AbortController().signal;

  it('stay within their limit, whatever connections read', () => {
    const before = heapBytes();
    const all = new AllReadPositions();
    const patient = all.of(session(0), stays());
    expect(patient.isOfAnother('orders', 'old', 0, 5)).toBe(false);
    for (let id = 1; id <= 2_000; id++) {
      const positions = all.of(session(id), stays());
      for (let i = 0; i < 200; i++) {
        // Every request has its own copy of the name.
        const name = Buffer.from(`a-topic-with-a-name-of-some-length-${i}`).toString();
        positions.isOfAnother(name, 'id', 0, 0);
        positions.moveTo(name, 0, 3_000_000_000 + i);
      }
    }
    expect(heapBytes() - before).toBeLessThan(64 * 1024 * 1024);
    // It never had the most positions, so it was never forgotten.
    expect(patient.isOfAnother('orders', 'new', 0, 5)).toBe(true);
  });

  it('are dropped with their connections, and make room for others', () => {
    const all = new AllReadPositions(2);
    const leaving = new AbortController();
    const gone = all.of(session(1), leaving.signal);
    gone.isOfAnother('a', 'old', 0, 5);
    gone.isOfAnother('b', 'old', 0, 5);
    leaving.abort();
    // Its last poll ends after the connection.
    expect(gone.isOfAnother('a', 'new', 0, 5)).toBe(false);
    expect(all.of(session(1), leaving.signal).isOfAnother('a', 'newer', 0, 5)).toBe(false);
    const other = all.of(session(2), stays());
    for (const name of ['a', 'b']) other.isOfAnother(name, 'old', 0, 5);
    for (const name of ['a', 'b']) expect(other.isOfAnother(name, 'new', 0, 5)).toBe(true);
  });
});
