import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { OwnThread } from './own-thread.js';

describe('calls on the thread of the event loop', () => {
  it('stop once a turn has used up its share, and continue in the next turn', async () => {
    await turn();
    const calls = new OwnThread(1);
    expect(calls.isAllowed(1000)).toBe(true);
    expect(calls.isAllowed(1002.9)).toBe(true);
    expect(calls.isAllowed(1003)).toBe(false);
    // All kinds of calls share the turn.
    expect(new OwnThread(1).isAllowed(1003)).toBe(false);
    await turn();
    expect(calls.isAllowed(1003)).toBe(true);
    await turn();
  });

  it('stop for a while after too many slow calls', async () => {
    await turn();
    const calls = new OwnThread(1);
    for (let i = 0; i < 3; i++) calls.took(2, 1000);
    for (let i = 0; i < 200; i++) calls.took(0.1, 1000);
    calls.took(2, 1000);
    expect(calls.isAllowed(1000)).toBe(true);
    for (let i = 0; i < 3; i++) calls.took(2, 1000);
    expect(calls.isAllowed(1001)).toBe(false);
    expect(calls.isAllowed(1249.9)).toBe(false);
    await turn();
    expect(calls.isAllowed(1250)).toBe(true);
    await turn();
  });
});
