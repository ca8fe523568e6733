import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TopicsEvents } from '../events.js';
import type { OffsetCommit } from './group.types.js';
import { OffsetCommitter } from './offset-committer.js';

const PLACE = { topic: 'orders', partition: 0 };
const INTERVAL_MS = 100;

let committed: number[];
let failing: boolean;
let committer: OffsetCommitter;

beforeEach(() => {
  vi.useFakeTimers();
  committed = [];
  failing = false;
  const commit = (commits: readonly OffsetCommit[]) => {
    if (failing) return Promise.reject(new Error('no room'));
    committed.push(...commits.map(({ offset }) => offset));
    return Promise.resolve();
  };
  committer = new OffsetCommitter('billing', commit, new TopicsEvents(), INTERVAL_MS);
});

afterEach(async () => {
  await committer.close();
  vi.useRealTimers();
});

describe('what is done is committed', () => {
  it('together, when the interval is over', async () => {
    committer.done(PLACE, 1);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS / 2);
    committer.done(PLACE, 2);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS / 2 - 1);
    expect(committed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(committed).toEqual([2]);
  });

  it('right behind a message that is done in the last part of the interval, and then an interval later', async () => {
    committer.done(PLACE, 1);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS * 0.95);
    committer.done(PLACE, 2);
    await vi.advanceTimersByTimeAsync(0);
    expect(committed).toEqual([2]);
    committer.done(PLACE, 3);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS - 1);
    expect(committed).toEqual([2]);
    await vi.advanceTimersByTimeAsync(1);
    expect(committed).toEqual([2, 3]);
  });

  it('at once on demand, and nothing is left for the timer', async () => {
    committer.done(PLACE, 1);
    await committer.commitNow();
    expect(committed).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('later, where the store refused it', async () => {
    failing = true;
    committer.done(PLACE, 1);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    failing = false;
    await vi.advanceTimersByTimeAsync(499);
    expect(committed).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(committed).toEqual([1]);
  });
});
