import { describe, expect, it } from 'vitest';
import { forPeople } from './consume/message-writer.js';
import { deadLetterTable } from './group/group-output.js';
import { timeText } from './output.js';

describe('times that clients set', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [8.64e15, '+275760-09-13T00:00:00.000Z'],
    [8.64e15 + 1, '8640000000000001'],
    [-8.64e15 - 1, '-8640000000000001'],
    // The largest that Kafka's protocol can carry.
    [Number(2n ** 63n - 1n), '9223372036854776000'],
    [NaN, 'NaN'],
  ])('shows %d as %s', (ms, text) => {
    expect(timeText(ms)).toBe(text);
  });

  it('prints a message and a dead letter whatever their times are', () => {
    const message = { topic: 't', partition: 0, offset: 7, timestamp: 9e18, key: 'k', value: 1, headers: {} };
    expect(forPeople(message)).toBe('t/0@7  9000000000000000000  k  1');
    const letter = {
      topic: 't',
      partition: 0,
      offset: 7,
      group: 'g',
      attempts: 1,
      reason: 'r',
      error: 'E',
      first_failed_at: null,
      last_failed_at: 9e18,
      redriven: false,
      redrives: 0,
      kind: 'failed',
      message,
    };
    expect(deadLetterTable([letter])).toContain('9000000000000000000');
  });
});
