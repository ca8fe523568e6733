import type { BatchOperation, LogEntry, PartitionStore, StoreEntry } from '../index.js';
import type { ArrayAdapter, ArrayTable } from './array-adapter.js';

/** An adapter that keeps every promise but one. */
export interface Mutant {
  /** What is broken. */
  readonly fault: string;
  /** The test that finds it. */
  readonly caughtBy: string;
  readonly store?: (store: PartitionStore, table: ArrayTable) => void;
  readonly adapter?: (adapter: ArrayAdapter) => void;
}

export const later = () => new Promise<void>((resolve) => setTimeout(resolve, 2));

/** Changes the pages of a scan. */
export function changePages(store: PartitionStore, change: (page: StoreEntry[]) => StoreEntry[]): void {
  const scanPages = store.scanPages.bind(store);
  store.scanPages = async function* (options) {
    for await (const page of scanPages(options)) {
      const changed = change(page);
      if (changed.length > 0) yield changed;
    }
  };
}

export function changeLog(store: PartitionStore, change: (page: LogEntry[]) => LogEntry[]): void {
  const readLogPages = store.readLogPages.bind(store);
  store.readLogPages = async function* (options) {
    for await (const page of readLogPages(options)) {
      const changed = change(page);
      if (changed.length > 0) yield changed;
    }
  };
}

export function changeBatch(
  store: PartitionStore,
  change: (batch: (operations: readonly BatchOperation[]) => Promise<void>) => PartitionStore['batch'],
): void {
  store.batch = change(store.batch.bind(store));
}

/** A scan by pages of 50 that finds its way from each to the next by itself. */
export function pageBy(store: PartitionStore, next: (last: Buffer) => Buffer): void {
  const scanPages = store.scanPages.bind(store);
  store.scanPages = async function* (options = {}) {
    if (options.reverse === true || options.limit !== undefined || options.maxBytes !== undefined) {
      yield* scanPages(options);
      return;
    }
    for (let from = options.gte; ;) {
      const page: StoreEntry[] = [];
      for await (const part of scanPages({ ...options, gte: from, limit: 50 })) page.push(...part);
      if (page.length > 0) yield page;
      if (page.length < 50) return;
      from = next(page.at(-1)!.key);
    }
  };
}
