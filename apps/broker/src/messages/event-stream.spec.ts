import { OffsetOutOfRangeError, type Partition } from '@genrocks/topics';
import { describe, expect, it } from 'vitest';
import { eventStream } from './event-stream.js';

describe('a stream that retention overtakes', () => {
  it('goes on with what is left, and says what was lost, when files are dropped while it reads', async () => {
    // Retention moves the start between the look at it and the read, which no timing of real writes can force.
    let start = 0;
    const partition = {
      topic: 'orders',
      index: 0,
      state: 'open',
      endOffset: 12,
      get startOffset() {
        return start;
      },
      readMessages: async ({ offset }: { offset: number }) => {
        if (start === 0) start = 10;
        if (offset < start) throw new OffsetOutOfRangeError('orders', 0, offset, start, 12);
        return { messages: [], nextOffset: 12, startOffset: start, endOffset: 12 };
      },
      waitForData: async () => false,
    } as unknown as Partition;
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const text of eventStream([{ partition, offset: 5 }], {
      heartbeatMs: 5,
      signal: stop.signal,
    })) {
      seen.push(text);
      if (text.startsWith('event: lost')) stop.abort();
    }
    expect(seen.at(-1)).toBe(`event: lost\ndata: {"topic":"orders","partition":0,"from":5,"to":10}\n\n`);
  });
});
