import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { patientTimeout } from './patient-timeout.js';

describe('a patient timeout', () => {
  let now: number;
  let expired: ReturnType<typeof vi.fn<() => void>>;

  beforeEach(() => {
    vi.useFakeTimers();
    now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    expired = vi.fn<() => void>();
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  /** A timer that is due after `ms` fires after `ms`, or as much later as the process was held up. */
  const pass = (ms: number, heldUpMs = 0) => {
    now += ms + heldUpMs;
    vi.advanceTimersByTime(ms);
  };

  it('expires when its time is over, and not if it was cancelled', () => {
    patientTimeout(400, expired);
    const cancel = patientTimeout(400, () => expect.unreachable());
    for (let i = 0; i < 3; i++) pass(100);
    pass(99);
    expect(expired).not.toHaveBeenCalled();
    cancel();
    pass(2);
    expect(expired).toHaveBeenCalledOnce();
  });

  it('gives peers unheard while the process stood still time to be heard, even in its last slice', () => {
    patientTimeout(400, expired);
    for (let i = 0; i < 3; i++) pass(100);
    pass(100, 60_000);
    pass(99);
    expect(expired).not.toHaveBeenCalled();
    pass(2);
    expect(expired).toHaveBeenCalledOnce();
  });

  it('still expires in a process that is always held up', () => {
    patientTimeout(400, expired);
    for (let i = 0; i < 8; i++) pass(100, 60_000);
    pass(1);
    expect(expired).toHaveBeenCalledOnce();
  });
});
