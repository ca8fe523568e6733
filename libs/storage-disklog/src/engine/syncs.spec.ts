import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { internalFormat } from '../format/internal-format.js';
import type { CurrentFile } from './current-file.js';
import { type SyncMode, Syncs } from './syncs.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A current file whose syncs end when the test says so. */
function underTest(sync: SyncMode, rotateAt = Infinity) {
  const underWay: { resolve(): void; reject(error: Error): void }[] = [];
  const file = { end: 8 };
  const current = {
    file,
    sync: () => new Promise<void>((resolve, reject) => underWay.push({ resolve, reject })),
  } as unknown as CurrentFile;
  const host = { current };
  const fail = vi.fn((cause: unknown) => cause as Error);
  const syncs = new Syncs(host, { format: internalFormat, sync, syncIntervalMs: 100, rotateAt }, fail);
  const write = (bytes: number) => {
    file.end += bytes;
    syncs.wrote();
  };
  return { syncs, underWay, write, fail, host, file };
}

describe('syncs that no writer waits for', () => {
  it('interval: come once an interval, and only when something was written', async () => {
    const { syncs, underWay, write } = underTest('interval');
    write(10);
    write(10);
    await vi.advanceTimersByTimeAsync(99);
    expect(underWay).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(underWay).toHaveLength(1);
    expect(syncs.synced).toBe(8);
    underWay[0]!.resolve();
    await vi.advanceTimersByTimeAsync(1000);
    expect(syncs.synced).toBe(28);
    expect(underWay).toHaveLength(1);
  });

  it('interval: writes made during a sync that takes longer are synced after it', async () => {
    const { syncs, underWay, write } = underTest('interval');
    write(10);
    await vi.advanceTimersByTimeAsync(100);
    write(10);
    await vi.advanceTimersByTimeAsync(100);
    expect(underWay).toHaveLength(1);
    underWay[0]!.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(syncs.synced).toBe(18);
    expect(underWay).toHaveLength(2);
    underWay[1]!.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(syncs.synced).toBe(28);
  });

  it('interval: do not touch a file that may be closed meanwhile, and follow when that is over', async () => {
    const { syncs, underWay, write, host } = underTest('interval');
    write(10);
    syncs.pause();
    await vi.advanceTimersByTimeAsync(300);
    expect(underWay).toHaveLength(0);
    syncs.resume();
    expect(underWay).toHaveLength(1);
    syncs.pause();
    underWay[0]!.resolve();
    await vi.advanceTimersByTimeAsync(0);
    host.current = { ...host.current, file: { end: 8 } } as CurrentFile;
    syncs.restart();
    syncs.resume();
    await vi.advanceTimersByTimeAsync(1000);
    expect(underWay).toHaveLength(1);
  });

  it('os: come every 4 MiB of a file that will be rotated, one at a time', async () => {
    const { syncs, underWay, write } = underTest('os', 64 << 20);
    write(3 << 20);
    expect(underWay).toHaveLength(0);
    write(1 << 20);
    write(8 << 20);
    expect(underWay).toHaveLength(1);
    underWay[0]!.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(syncs.synced).toBe(8 + (4 << 20));
    write(1);
    expect(underWay).toHaveLength(2);
  });

  it('os: do not come for a log of one file', () => {
    const { underWay, write } = underTest('os');
    write(64 << 20);
    expect(underWay).toHaveLength(0);
  });

  it('say nothing of a file that has been rotated meanwhile', async () => {
    const { syncs, underWay, write, host } = underTest('os', 64 << 20);
    write(4 << 20);
    host.current = { ...host.current, file: { end: 8 } } as CurrentFile;
    syncs.restart();
    underWay[0]!.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(syncs.synced).toBe(8);
  });

  it('are final when they fail', async () => {
    const { syncs, underWay, write, fail } = underTest('os', 64 << 20);
    write(4 << 20);
    const error = new Error('EIO');
    underWay[0]!.reject(error);
    await vi.advanceTimersByTimeAsync(0);
    expect(fail).toHaveBeenCalledWith(error);
    expect(syncs.synced).toBe(8);
    write(8 << 20);
    expect(underWay).toHaveLength(1);
  });
});
