import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flattenPages } from './index.js';

async function* source(
  pages: readonly (readonly number[])[],
  error?: Error,
): AsyncGenerator<readonly number[]> {
  for (const page of pages) {
    await setImmediate();
    yield page;
  }
  if (error) throw error;
}

async function collect(items: AsyncIterable<number>): Promise<number[]> {
  const all: number[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const pagesOf = fc.array(fc.array(fc.nat(), { maxLength: 5 }), { maxLength: 6 });

describe('flattenPages', () => {
  it('yields the items of all pages in order, empty pages or not', async () => {
    await fc.assert(
      fc.asyncProperty(pagesOf, async (pages) => {
        expect(await collect(flattenPages(source(pages)))).toEqual(pages.flat());
      }),
      { numRuns: 50 },
    );
  });

  it('resolves overlapping calls of next() in order', async () => {
    await fc.assert(
      fc.asyncProperty(pagesOf, fc.array(fc.nat({ max: 4 }), { maxLength: 8 }), async (pages, bursts) => {
        const iterator = flattenPages(source(pages))[Symbol.asyncIterator]();
        const results: Promise<IteratorResult<number>>[] = [];
        for (const burst of [...bursts, 40]) {
          for (let i = 0; i < burst; i++) results.push(iterator.next());
          if (burst % 2 === 0) await setImmediate();
        }
        const settled = await Promise.all(results);
        const items = settled.filter(({ done }) => !done).map(({ value }) => value as number);
        expect(items).toEqual(pages.flat());
        expect(settled.slice(items.length).every(({ done }) => done)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('passes a failure to the call that met it, after the items before it, and ends', async () => {
    const iterator = flattenPages(source([[1, 2]], new Error('page lost')))[Symbol.asyncIterator]();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => iterator.next()));
    expect(results.map((result) => (result.status === 'rejected' ? 'failed' : result.value.done))).toEqual([
      false,
      false,
      'failed',
      true,
      true,
    ]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it('leaves no unhandled rejection behind', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await expect(collect(flattenPages(source([], new Error('page lost'))))).rejects.toThrow('page lost');
      const iterator = flattenPages(source([[1]], new Error('page lost')))[Symbol.asyncIterator]();
      await Promise.allSettled([iterator.next(), iterator.next(), iterator.next(), iterator.return?.()]);
      for (let i = 0; i < 5; i++) await setImmediate();
    } finally {
      process.off('unhandledRejection', note);
    }
    expect(unhandled).toEqual([]);
  });

  it('ends the source when the reader stops early', async () => {
    let ended = false;
    async function* watched() {
      try {
        yield* source([[1, 2], [3]]);
      } finally {
        ended = true;
      }
    }
    for await (const item of flattenPages(watched())) {
      if (item === 1) break;
    }
    expect(ended).toBe(true);
  });

  it('yields nothing after return(), called before, between or during next()', async () => {
    const iterator = flattenPages(source([[1, 2], [3]]))[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(1);
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect((await iterator.next()).done).toBe(true);

    const during = flattenPages(source([[1, 2]]))[Symbol.asyncIterator]();
    const [pending] = await Promise.all([during.next(), during.return?.()]);
    expect(pending.done).toBe(true);

    const unused = flattenPages(source([[1]]))[Symbol.asyncIterator]();
    await unused.return?.();
    expect((await unused.next()).done).toBe(true);
  });

  it('starts to read at the first call of next(), before it returns', () => {
    let begun = false;
    const pages: AsyncIterable<number[]> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          begun = true;
          return { done: true, value: undefined };
        },
      }),
    };
    const iterator = flattenPages(pages)[Symbol.asyncIterator]();
    expect(begun).toBe(false);
    void iterator.next();
    expect(begun).toBe(true);
  });
});
