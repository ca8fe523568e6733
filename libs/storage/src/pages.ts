import type { StoreEntry } from './partition-store.js';

/**
 * Ends a scan before its values exceed `maxBytes` in all, but not before the first entry. For stores whose pages ignore
 * `maxBytes`. @see ScanOptions.maxBytes
 */
export async function* withinBytes(
  pages: AsyncIterable<StoreEntry[]>,
  maxBytes: number,
): AsyncGenerator<StoreEntry[]> {
  let left = maxBytes;
  let isFirst = true;
  for await (const page of pages) {
    const end = page.findIndex(({ value }) => {
      left -= value.length;
      const fits = left >= 0 || isFirst;
      isFirst = false;
      return !fits;
    });
    if (end < 0) yield page;
    else {
      if (end > 0) yield page.slice(0, end);
      return;
    }
  }
}

/**
 * Turns pages into single items. Not an async generator, which costs three promises per item: this is the inner loop of
 * every scan, and here an item within a page costs one resolved promise.
 */
export function flattenPages<T>(pages: AsyncIterable<readonly T[]>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => new PageFlattener(pages[Symbol.asyncIterator]()) };
}

class PageFlattener<T> implements AsyncIterator<T> {
  private page: readonly T[] = [];
  private position = 0;
  private ended = false;
  /** Serialises overlapping `next()` calls: only the first of them may fetch a page. */
  private fetching: Promise<unknown> | undefined;

  constructor(private readonly source: AsyncIterator<readonly T[]>) {}

  next(): Promise<IteratorResult<T>> {
    if (this.fetching === undefined && this.position < this.page.length) {
      return Promise.resolve({ done: false, value: this.page[this.position++]! });
    }
    const result = this.fetching === undefined ? this.fetch() : this.fetching.then(() => this.fetch());
    const settled: Promise<void> = result.then(
      () => this.release(settled),
      () => this.release(settled),
    );
    this.fetching = settled;
    return result;
  }

  async return(): Promise<IteratorResult<T>> {
    this.ended = true;
    this.page = [];
    await this.source.return?.();
    return { done: true, value: undefined };
  }

  private async fetch(): Promise<IteratorResult<T>> {
    while (this.position >= this.page.length) {
      if (this.ended) return { done: true, value: undefined };
      const result = await this.nextPage();
      if (result.done || this.ended) {
        this.ended = true;
        return { done: true, value: undefined };
      }
      this.page = result.value;
      this.position = 0;
    }
    return { done: false, value: this.page[this.position++]! };
  }

  /** A failed page ends the iteration. The call that fetched it gets the error; later calls are done. */
  private async nextPage(): Promise<IteratorResult<readonly T[], unknown>> {
    try {
      return await this.source.next();
    } catch (error) {
      this.ended = true;
      throw error;
    }
  }

  private release(settled: Promise<unknown>): void {
    if (this.fetching === settled) this.fetching = undefined;
  }
}
