import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FileHandle } from '../io/file-system.js';
import { ZeroedSpace } from './zeroed-space.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const WRITE = 64 * KIB;

let end: number;
let zeroed: number;
let zeros: ZeroedSpace;

/** A file that only counts what is written to it. */
const filler = {
  write: (_source: Buffer, _offset: number, length: number) => {
    zeroed += length;
    return Promise.resolve(length);
  },
  sync: () => Promise.resolve(),
  close: () => Promise.resolve(),
} as unknown as FileHandle;

beforeEach(() => {
  vi.useFakeTimers();
  end = 8 * MIB;
  zeroed = 0;
  zeros = new ZeroedSpace(end, Infinity, () => Promise.resolve(filler));
});

afterEach(() => {
  vi.useRealTimers();
});

/** Writes until zeros follow, with a pause after each write; returns how many bytes of zeros. */
async function nextStep(pauseMs: number): Promise<number> {
  const before = zeroed;
  while (zeroed === before) {
    end += WRITE;
    expect(zeros.claim(end)).toBeUndefined();
    zeros.fillBehind(end, WRITE);
    await zeros.settled();
    vi.advanceTimersByTime(pauseMs);
  }
  return zeroed - before;
}

async function writeSmall(count: number, pauseMs: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    vi.advanceTimersByTime(pauseMs);
    end += 100;
    expect(zeros.claim(end)).toBeUndefined();
    zeros.fillBehind(end, 100);
    await zeros.settled();
  }
}

async function steps(count: number, pauseMs: number): Promise<number[]> {
  const sizes = [];
  while (sizes.length < count) sizes.push(await nextStep(pauseMs));
  return sizes;
}

describe('zeros ahead of the end', () => {
  it('come in small steps if writes are rare', async () => {
    expect(await steps(4, 60)).toEqual(Array(4).fill(256 * KIB));
  });

  it('come in larger steps the faster the file is written, 4 MiB at most, and in smaller ones later', async () => {
    expect(await steps(7, 0)).toEqual([256 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB, 4 * MIB, 4 * MIB]);
    const later = await steps(8, 60);
    expect(later.at(-1)).toBe(256 * KIB);
  });

  it('keep their size at a steady rate that suits it', async () => {
    await steps(3, 0);
    // 1 MiB in 96 ms.
    const sizes = await steps(6, 6);
    expect(new Set(sizes.slice(1))).toEqual(new Set([MIB]));
  });

  it('come in a small file once it is written often, and not if writes are rare', async () => {
    end = KIB;
    zeros = new ZeroedSpace(end, Infinity, () => Promise.resolve(filler));
    await writeSmall(100, 1000);
    expect(zeroed).toBe(0);
    await writeSmall(1, 20_000);
    await writeSmall(14, 100);
    expect(zeroed).toBe(0);
    await writeSmall(1, 100);
    expect(zeroed).toBe(64 * KIB);
    // Half of them used up.
    await writeSmall(500, 100);
    expect(zeroed).toBe(128 * KIB);
  });

  it('are gone once the file is closed', async () => {
    await zeros.close();
    zeros.fillBehind(end, WRITE);
    await zeros.settled();
    expect(zeroed).toBe(0);
  });
});
