import { describe, expect, it } from 'vitest';
import { resolveGroupOptions } from './group-options.js';
import type { RetryOptions } from './group.types.js';
import { RetryPolicy } from './retry-policy.js';

function policy(retry: RetryOptions): RetryPolicy {
  const { retry: resolved } = resolveGroupOptions({ group: 'g', topics: ['t'], handler: () => {}, retry });
  return new RetryPolicy(resolved);
}

describe('the pause before a retry', () => {
  it('reaches maxMs with a small factor too', () => {
    const pauses = policy({ initialMs: 100, maxMs: 30_000, factor: 1.001, jitter: 0 });
    expect(pauses.delay(1_001)).toBe(272);
    expect(pauses.delay(5_000)).toBe(14_789);
    expect(pauses.delay(10_000)).toBe(30_000);
  });

  it('is maxMs however many tries have failed', () => {
    const pauses = policy({ initialMs: 100, maxMs: 30_000, factor: 100, jitter: 0 });
    expect(pauses.delay(3)).toBe(30_000);
    expect(pauses.delay(1_000_000)).toBe(30_000);
  });
});
