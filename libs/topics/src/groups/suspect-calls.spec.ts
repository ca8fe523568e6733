import { beforeEach, describe, expect, it } from 'vitest';
import { settled } from '../__fixtures__/waiting.js';
import { ManualClock } from '../testing/manual-clock.js';
import { SuspectCall, SuspectCalls } from './suspect-calls.js';

let clock: ManualClock;
let calls: SuspectCalls;
let noted: string[];
let begun: string[];

beforeEach(() => {
  clock = new ManualClock();
  calls = new SuspectCalls(clock);
  noted = [];
  begun = [];
});

async function begin(name: string, isAccused = false, stopping = new AbortController()) {
  const call = new SuspectCall(isAccused, async () => void noted.push(name));
  void calls.begin(call, stopping.signal).then(() => begun.push(name));
  await settled();
  return call;
}

describe('calls with messages by which a process may have ended', () => {
  it('run beside each other at first, and each knows whether it was alone', async () => {
    const a = await begin('a');
    expect(a.isAlone).toBe(true);
    const b = await begin('b');
    const c = await begin('c');
    expect([a, b, c].map(({ isAlone }) => isAlone)).toEqual([false, false, false]);
    expect(noted).toEqual(['a']);
    expect(begun).toEqual(['a', 'b', 'c']);
    for (const call of [a, b, c]) calls.end(call);
    expect((await begin('d')).isAlone).toBe(true);
  });

  it('run alone once they are accused, in the order they came', async () => {
    const a = await begin('a');
    const b = await begin('b', true);
    const c = await begin('c');
    expect(begun).toEqual(['a']);
    calls.end(a);
    await settled();
    expect(begun).toEqual(['a', 'b']);
    expect(b.isAlone).toBe(true);
    calls.end(b);
    await settled();
    expect(begun).toEqual(['a', 'b', 'c']);
    calls.end(c);
    expect(noted).toEqual([]);
  });

  it('wait for one that hangs no longer than half a minute, and no other waits for it again', async () => {
    const hanging = await begin('hanging', true);
    const b = await begin('b', true);
    await clock.advance(29_999);
    expect(begun).toEqual(['hanging']);
    await clock.advance(1);
    expect(begun).toEqual(['hanging', 'b']);
    expect(noted).toEqual(['hanging']);
    expect([hanging.isAlone, b.isAlone]).toEqual([false, false]);
    calls.end(b);
    await begin('c', true);
    expect(begun).toEqual(['hanging', 'b', 'c']);
  });

  it('that are not to begin any more hold up nobody', async () => {
    const a = await begin('a', true);
    const stopping = new AbortController();
    await begin('b', true, stopping);
    await begin('c', true);
    stopping.abort();
    await settled();
    expect(begun).toEqual(['a', 'b']);
    calls.end(a);
    await settled();
    expect(begun).toEqual(['a', 'b', 'c']);
  });
});
