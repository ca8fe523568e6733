import type { StoreEntry } from '../index.js';
import { changePages, changeLog, pageBy, type Mutant } from './mutant.js';

/** Faults of reads. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    fault: 'get returns the stored buffer itself',
    caughtBy: 'isolation: changing the result of a read changes nothing in the store',
    store: (store, table) => {
      store.get = async (key) =>
        table.entries.find((entry) => entry.key.equals(Buffer.from(key as string)))?.value;
    },
  },
  {
    fault: 'get reads into memory that it reuses',
    caughtBy: 'isolation: the result of a read does not change during later reads',
    store: (store) => {
      const get = store.get.bind(store);
      const scratch = Buffer.alloc(20 * 1024 * 1024);
      store.get = async (key) => {
        const value = await get(key);
        if (value === undefined) return undefined;
        value.copy(scratch);
        return scratch.subarray(0, value.length);
      };
    },
  },
  {
    fault: 'the pages of a scan share memory',
    caughtBy: 'isolation: the result of a read does not change during later reads',
    store: (store) => {
      const scratch = Buffer.alloc(20 * 1024 * 1024);
      changePages(store, (page) => {
        let at = 0;
        return page.map(({ key, value }) => {
          const start = at;
          at += value.copy(scratch, at);
          return { key, value: scratch.subarray(start, at) };
        });
      });
    },
  },
  {
    fault: 'a scan continues after all keys that start with the last key of its page',
    caughtBy: 'scan iteration: a scan over keys that are prefixes of each other, over many pages',
    store: (store) => pageBy(store, (last) => Buffer.concat([last, Buffer.from([0xff])])),
  },
  {
    fault: 'a scan starts each page with the last key of the previous page',
    caughtBy: 'scan iteration: scan over 12,000 keys, forward and backward',
    store: (store) => pageBy(store, (last) => last),
  },
  {
    fault: 'the log has no tombstones',
    caughtBy: 'log: the log has every write in order, overwritten values and tombstones included',
    store: (store) => changeLog(store, (page) => page.filter(({ type }) => type === 'put')),
  },
  {
    fault: 'the log is in key order',
    caughtBy: 'log: the log has every write in order, overwritten values and tombstones included',
    store: (store) => changeLog(store, (page) => page.toSorted((a, b) => a.key.compare(b.key))),
  },
  {
    fault: 'the log has times in seconds',
    caughtBy: 'log: log entries carry the time of their write, in milliseconds, never going back',
    store: (store) => {
      changeLog(store, (page) =>
        page.map((entry) => ({ ...entry, timestamp: Math.floor(entry.timestamp / 1000) })),
      );
    },
  },
  {
    fault: 'the log returns the stored buffers themselves',
    caughtBy: 'isolation: changing the result of a read changes nothing in the store',
    store: (store, table) => {
      store.readLogPages = async function* () {
        if (table.log.length > 0) yield table.log;
      };
    },
  },
  {
    fault: 'maxBytes is ignored',
    caughtBy: 'scan order: maxBytes ends a scan before its values exceed it, but not before the first entry',
    store: (store) => {
      const scanPages = store.scanPages.bind(store);
      store.scanPages = ({ maxBytes: _, ...options } = {}) => scanPages(options);
    },
  },
  {
    fault: 'a reverse scan counts its limit from the front',
    caughtBy: 'scan order: limit counts after all other conditions',
    store: (store) => {
      const scanPages = store.scanPages.bind(store);
      store.scanPages = async function* ({ reverse = false, ...options } = {}) {
        const all: StoreEntry[] = [];
        for await (const page of scanPages(options)) all.push(...page);
        if (all.length > 0) yield reverse ? all.reverse() : all;
      };
    },
  },
  {
    fault: 'an empty value counts as no value',
    caughtBy: 'basics: exists tells whether a key has a value',
    store: (store) => {
      const get = store.get.bind(store);
      store.get = async (key) => {
        const value = await get(key);
        return value?.length === 0 ? undefined : value;
      };
    },
  },
  {
    fault: 'scans are in the order of the writes',
    caughtBy: 'scan order: scan goes in unsigned byte order, whatever the order of the writes, and backwards',
    store: (store, table) => {
      changePages(store, (page) =>
        page.toSorted((a, b) => {
          const place = ({ key }: StoreEntry) => table.log.findLastIndex((entry) => entry.key.equals(key));
          return place(a) - place(b);
        }),
      );
    },
  },
  {
    fault: 'a scan counts positions, which writes shift',
    caughtBy:
      'scan iteration: a scan during writes yields each key at most once, in order, and every untouched key',
    store: (store, table) => {
      store.scanPages = async function* ({ reverse = false } = {}) {
        for (let at = 0; at < table.entries.length; at += 100) {
          const all = reverse ? table.entries.toReversed() : table.entries;
          yield all.slice(at, at + 100);
        }
      };
    },
  },
];
