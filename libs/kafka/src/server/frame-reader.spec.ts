import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader } from './frame-reader.js';
import { MemoryBudget } from './memory-budget.js';
import { BufferPool } from './buffer-pool.js';

const MiB = 1024 * 1024;
const anySize = () => ({ from: 0, to: MiB });

/** A request frame with a body of this many bytes, all of them `fill`. */
function request(bytes: number, fill: number): Buffer {
  const sent = Buffer.alloc(4 + bytes, fill);
  sent.writeInt32BE(bytes, 0);
  return sent;
}

/** Reads as a connection does: into the reader's `room`, or into memory that the next read overwrites. */
class Line {
  readonly reader: FrameReader;
  private readonly shared = Buffer.alloc(40_000);

  constructor(budget: MemoryBudget, buffers: BufferPool) {
    this.reader = new FrameReader(budget, buffers, () => {});
  }

  /** @returns how many bytes were read */
  read(sent: Buffer, most: number): number {
    const target = this.reader.room ?? this.shared;
    const count = sent.copy(target, 0, 0, most);
    this.reader.push(target.subarray(0, count));
    return count;
  }

  /** Takes the complete requests, then overwrites the shared memory. */
  frames(): Frame[] {
    const frames: Frame[] = [];
    while (this.reader.begin(anySize)) {
      const frame = this.reader.take();
      if (frame === undefined) break;
      frames.push(frame);
    }
    this.reader.keep();
    this.shared.fill(0xff);
    return frames;
  }
}

describe('the frame reader', () => {
  it('returns every request as sent, however it is split and however long others are held', () => {
    const size = fc.oneof(fc.integer({ max: 300, min: 0 }), fc.integer({ min: 15_000, max: 150_000 }));
    const clients = fc.array(fc.array(size, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
    const reads = fc.infiniteStream(fc.integer({ min: 1, max: 60_000 }));
    const holds = fc.infiniteStream(fc.nat(4));
    fc.assert(
      fc.property(clients, reads, holds, (all, counts, keeps) => {
        const budget = new MemoryBudget(64 * MiB);
        const buffers = new BufferPool(MiB);
        const held: { frame: Frame; expected: Buffer; left: number }[] = [];
        const lines = all.map((sizes, i) => ({
          line: new Line(budget, buffers),
          left: Buffer.concat(sizes.map((bytes, at) => request(bytes, (i * 16 + at) % 251))),
          expected: sizes.map((bytes, at) => request(bytes, (i * 16 + at) % 251).subarray(4)),
        }));
        const letGo = (one: (typeof held)[number]) => {
          expect(one.frame.bytes.equals(one.expected)).toBe(true);
          one.frame.release(true);
        };
        while (lines.some(({ left }) => left.length > 0)) {
          for (const one of lines) {
            one.left = one.left.subarray(one.line.read(one.left, counts.next().value as number));
            for (const frame of one.line.frames()) {
              held.push({ frame, expected: one.expected.shift()!, left: keeps.next().value as number });
            }
          }
          for (const one of held.splice(0)) {
            if (one.left-- > 0) held.push(one);
            else letGo(one);
          }
        }
        held.forEach(letGo);
        for (const { line, expected } of lines) {
          // An empty request is complete once its length has arrived.
          for (const frame of line.frames()) held.push({ frame, expected: expected.shift()!, left: 0 });
          expect(expected).toEqual([]);
        }
        expect(budget.used).toBe(0);
        expect(buffers.idleBytes).toBeLessThanOrEqual(MiB);
      }),
      { numRuns: 60 },
    );
  });

  it('reuses the same memory for consecutive large requests', () => {
    const buffers = new BufferPool(MiB);
    const line = new Line(new MemoryBudget(64 * MiB), buffers);
    const used = new Set<ArrayBufferLike>();
    for (let i = 0; i < 10; i++) {
      for (let sent = request(100_000, i); sent.length > 0;) {
        sent = sent.subarray(line.read(sent, 100_000));
        for (const frame of line.frames()) {
          used.add(frame.bytes.buffer);
          frame.release(true);
        }
      }
    }
    expect(used.size).toBe(1);
    expect(buffers.idleBytes).toBe(128 * 1024);
  });

  it('releases the memory of a client that disconnects in mid-request, and of one that waits for room', () => {
    const budget = new MemoryBudget(150_000);
    const buffers = new BufferPool(MiB);
    const [first, second] = [new Line(budget, buffers), new Line(budget, buffers)];
    for (const line of [first, second]) {
      line.read(request(100_000, 1), 1000);
      expect(line.frames()).toEqual([]);
    }
    expect(second.reader.isBlocked).toBe(true);
    expect(second.reader.room).toBeUndefined();
    second.reader.close();
    expect(buffers.idleBytes).toBe(0);
    first.reader.close();
    expect(buffers.idleBytes).toBeGreaterThan(100_000);
    expect(budget.used).toBe(0);
  });

  it('counts the whole buffer against the budget', () => {
    const budget = new MemoryBudget(MiB);
    const line = new Line(budget, new BufferPool(MiB));
    line.read(request(600_000, 1), 1000);
    line.frames();
    expect(budget.used).toBe(MiB);
    line.reader.close();
    expect(budget.used).toBe(0);
  });

  it('does not reuse memory whose bytes may still be read', () => {
    const budget = new MemoryBudget(MiB);
    const buffers = new BufferPool(MiB);
    const line = new Line(budget, buffers);
    const frames: Frame[] = [];
    for (let sent = request(100_000, 7); sent.length > 0;) {
      sent = sent.subarray(line.read(sent, 100_000));
      frames.push(...line.frames());
    }
    expect(frames).toHaveLength(1);
    frames[0]!.release(false);
    expect(buffers.idleBytes).toBe(0);
    expect(budget.used).toBe(0);
  });
});
