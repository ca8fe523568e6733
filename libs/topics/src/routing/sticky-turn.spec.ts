import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idle } from '../__fixtures__/routing.js';
import { type RoutingTarget, STICKY_BYTES, StickyTurn } from './sticky-turn.js';

/** A partition as its appender drives it: messages that come during a write gather for the next one. */
class ModelPartition implements RoutingTarget {
  state = 'open';
  isWriting = false;
  gathered = 0;
  bytes = 0;
  /** Messages of every write. */
  readonly groups: number[] = [];

  get writes(): number {
    return this.groups.length;
  }

  publish(bytes: number): void {
    this.bytes += bytes;
    this.gathered++;
    if (!this.isWriting) this.begin();
  }

  /** The current write ends, and the next begins with the gathered messages. */
  advance(): void {
    if (this.gathered > 0) this.begin();
    else this.isWriting = false;
  }

  private begin(): void {
    this.isWriting = true;
    this.groups.push(this.gathered);
    this.gathered = 0;
  }
}

/** Steps: a message of this size, or the end of the write of the partition at this fraction of their list. */
const steps = (maxBytes: number) =>
  fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ bytes: fc.integer({ min: 1, max: maxBytes }) }) },
      { weight: 1, arbitrary: fc.record({ ends: fc.double({ min: 0, max: 0.999, noNaN: true }) }) },
    ),
    { maxLength: 1_500 },
  );

function play(count: number, script: ({ bytes: number } | { ends: number })[], start: number) {
  const partitions = Array.from({ length: count }, () => new ModelPartition());
  const turn = new StickyTurn(() => start);
  const chosen: number[] = [];
  for (const step of script) {
    if ('ends' in step) {
      partitions[Math.floor(step.ends * count)]!.advance();
      continue;
    }
    const at = turn.next(step.bytes, partitions);
    partitions[at]!.publish(step.bytes);
    chosen.push(at);
  }
  return { partitions, chosen };
}

const start = fc.double({ min: 0, max: 0.999, noNaN: true });

describe('StickyTurn', () => {
  it.each([100, 20_000, 200_000])(
    'spreads bytes evenly, whatever storage does: never a batch and a message apart (up to %i bytes)',
    (maxBytes) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 12 }), steps(maxBytes), start, (count, script, from) => {
          const { partitions } = play(count, script, from);
          const bytes = partitions.map((partition) => partition.bytes);
          expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThan(STICKY_BYTES + maxBytes);
        }),
        { numRuns: 100 },
      );
    },
  );

  it('moves only when the gathered messages are being written, no write is in progress, or a batch is full', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), steps(2_000), start, (count, script, from) => {
        const { partitions, chosen } = play(count, script, from);
        const moves = chosen.filter((at, i) => i > 0 && at !== chosen[i - 1]).length;
        const writes = partitions.reduce((total, { groups }) => total + groups.length, 0);
        const bytes = partitions.reduce((total, one) => total + one.bytes, 0);
        expect(moves).toBeLessThanOrEqual(writes + bytes / STICKY_BYTES);
      }),
      { numRuns: 100 },
    );
  });

  it('makes far fewer writes than round robin when all partitions are equally slow', () => {
    const writesOf = (choose: (partitions: ModelPartition[], i: number) => number) => {
      const partitions = Array.from({ length: 12 }, () => new ModelPartition());
      for (let i = 0; i < 6_000; i++) {
        partitions[choose(partitions, i)]!.publish(100);
        // Each write takes as long as 30 messages take to arrive.
        if (i % 30 === 29) for (const partition of partitions) partition.advance();
      }
      return partitions.reduce((total, { groups }) => total + groups.length, 0);
    };
    const turn = new StickyTurn();
    const sticky = writesOf((partitions) => turn.next(100, partitions));
    const round = writesOf((_, i) => i % 12);
    expect(sticky * 4).toBeLessThan(round);
  });

  it('goes round robin when messages come one by one', () => {
    const partitions = Array.from({ length: 5 }, () => new ModelPartition());
    const turn = new StickyTurn();
    const chosen = Array.from({ length: 10 }, () => {
      const at = turn.next(100, partitions);
      partitions[at]!.publish(100);
      partitions[at]!.advance();
      return at;
    });
    expect(new Set(chosen.slice(0, 5)).size).toBe(5);
    expect(chosen.slice(5)).toEqual(chosen.slice(0, 5));
  });

  it('skips partitions that are not open, as long as one is', () => {
    const partitions = Array.from({ length: 3 }, () => new ModelPartition());
    const turn = new StickyTurn(() => 0);
    expect(turn.next(100, partitions)).toBe(1);
    partitions[1]!.state = 'failed';
    const chosen = Array.from({ length: 10 }, () => turn.next(STICKY_BYTES, partitions));
    expect(new Set(chosen)).toEqual(new Set([0, 2]));
    for (const partition of partitions) partition.state = 'failed';
    expect(turn.next(100, partitions)).toBeLessThan(3);
  });

  it('does not send everything to added partitions', () => {
    const turn = new StickyTurn();
    for (let i = 0; i < 100; i++) turn.next(STICKY_BYTES, idle(2));
    const chosen = Array.from({ length: 40 }, () => turn.next(STICKY_BYTES, idle(4)));
    for (const at of [0, 1, 2, 3]) expect(chosen.filter((one) => one === at)).toHaveLength(10);
  });
});
