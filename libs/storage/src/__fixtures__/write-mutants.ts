import type { StoreEntry } from '../index.js';
import { changeBatch, later, type Mutant } from './mutant.js';

/** What a store may do wrong when it is written, kept, opened or closed. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  {
    fault: 'a deleted key comes back with a reopen',
    caughtBy: 'persistence: a reopened store holds what was written: overwrites, deletions, batches',
    store: (_store, table) => {
      const written = table.log.filter((entry) => entry.type === 'put');
      const lost = written.filter(({ key }) => !table.entries.some((entry) => entry.key.equals(key)));
      table.entries = [...table.entries, ...lost].sort((a, b) => a.key.compare(b.key));
    },
  },
  {
    fault: 'an overwritten value comes back with a reopen',
    caughtBy: 'persistence: a reopened store holds what was written: overwrites, deletions, batches',
    store: (_store, table) => {
      table.entries = table.entries.map((entry) => {
        const oldest = table.log.find(({ type, key }) => type === 'put' && key.equals(entry.key));
        return oldest as unknown as StoreEntry;
      });
    },
  },
  {
    fault: 'the newest write is lost with a reopen',
    caughtBy: 'persistence: closing a store alone keeps what it holds, too',
    store: (_store, table) => {
      table.entries.pop();
    },
  },
  {
    fault: 'a reopen counts anew',
    caughtBy: 'persistence: a reopened store counts what it holds',
    store: (store, table) => {
      const before = table.log.length;
      const info = store.info.bind(store);
      store.info = async () => {
        const { items, ...rest } = await info();
        return { ...rest, items: items - before };
      };
    },
  },
  {
    fault: 'a batch is applied operation by operation',
    caughtBy: 'batch: a scan sees a batch whole or not at all',
    store: (store) => {
      changeBatch(store, (batch) => async (operations) => {
        for (const operation of operations) await batch([operation]);
      });
    },
  },
  {
    fault: 'a large batch is applied in parts',
    caughtBy: 'batch: a large batch with an operation that does not fit applies nothing',
    store: (store) => {
      changeBatch(store, (batch) => async (operations) => {
        if (!Array.isArray(operations)) return batch(operations);
        for (let at = 0; at === 0 || at < operations.length; at += 1000) {
          await batch(operations.slice(at, at + 1000));
        }
      });
    },
  },
  {
    fault: 'of a key that a batch writes twice, the first counts',
    caughtBy: 'batch: operations of a batch apply in their order',
    store: (store) => {
      changeBatch(
        store,
        (batch) => async (operations) =>
          batch(Array.isArray(operations) ? operations.toReversed() : operations),
      );
    },
  },
  {
    fault: 'a write resolves before it can be read',
    caughtBy: 'concurrency: a write that resolved is seen by every read after it, while other writes go on',
    store: (store) => {
      changeBatch(store, (batch) => async (operations) => {
        setTimeout(() => void batch(operations).catch(() => {}), 1);
      });
    },
  },
  {
    fault: 'a write can be read before it resolves',
    caughtBy: 'concurrency: a reader sees only what has resolved',
    store: (store) => {
      changeBatch(store, (batch) => async (operations) => {
        await batch(operations);
        await later();
      });
    },
  },
  {
    fault: 'deletions overtake other writes',
    caughtBy: 'concurrency: writes take effect in the order of the calls, awaited or not',
    store: (store) => {
      const put = store.put.bind(store);
      store.put = async (key, value) => {
        await later();
        return put(Buffer.from(key as string), value);
      };
    },
  },
  {
    fault: 'a lent value is read after its write has resolved',
    caughtBy: 'isolation: what is lent is stored as it was, and may be reused once the write has resolved',
    store: (store, table) => {
      changeBatch(store, (batch) => async (operations) => {
        await batch(operations);
        for (const operation of operations) {
          const entry = table.entries.find(({ key }) => key.equals(Buffer.from(operation.key as string)));
          if (entry !== undefined && operation.type === 'put')
            Object.assign(entry, { value: operation.value });
        }
      });
    },
  },
  {
    fault: 'truncate lets the log be',
    caughtBy: 'truncation: truncate removes everything, and the store takes writes again',
    store: (store, table) => {
      store.truncate = async () => {
        table.entries = [];
      };
    },
  },
  {
    fault: 'truncate waits for a moment and takes later writes with it',
    caughtBy: 'truncation: truncate takes its place in the order of the writes',
    store: (store) => {
      const truncate = store.truncate.bind(store);
      store.truncate = async () => {
        await later();
        await truncate();
      };
    },
  },
  {
    fault: 'optimize takes a live key for an old one',
    caughtBy: 'upkeep: optimize changes nothing that a reader sees',
    store: (store, table) => {
      store.optimize = async () => void table.entries.splice(5, 1);
    },
  },
  {
    fault: "retain: 'all' is not heeded",
    caughtBy: "upkeep: retain: 'all' never drops a live key, whatever the limits",
    store: (store, table) => {
      changeBatch(store, (batch) => async (operations) => {
        await batch(operations);
        table.entries = table.entries.slice(-800);
      });
    },
  },
  {
    fault: 'discardBefore takes its key, too',
    caughtBy: 'upkeep: discardBefore loses nothing from its key on',
    store: (store, table) => {
      store.discardBefore = async (before) => {
        table.entries = table.entries.filter(({ key }) => key.compare(Buffer.from(before as string)) > 0);
      };
    },
  },
  {
    fault: 'text is stored in its composed form',
    caughtBy: 'basics: strings are their UTF-8 bytes',
    store: (store) => {
      const put = store.put.bind(store);
      store.put = (key, value) => put(typeof key === 'string' ? key.normalize('NFC') : key, value);
    },
  },
  {
    fault: 'put throws instead of rejecting',
    caughtBy: 'basics: keys and values that are not bytes are refused with INVALID_ARGUMENT',
    store: (store) => {
      const put = store.put.bind(store);
      store.put = (key, value) => {
        if (typeof key !== 'string' && !(key instanceof Uint8Array)) throw new TypeError('not bytes');
        return put(key, value);
      };
    },
  },
  {
    fault: 'a long value is cut',
    caughtBy: 'sizes: values of 1 MiB and of the largest size come back whole',
    store: (store) => {
      const put = store.put.bind(store);
      const cut = (value: unknown) => (Buffer.isBuffer(value) ? value.subarray(0, 2 ** 20) : value);
      store.put = (key, value) => put(key, cut(value) as Buffer);
    },
  },
  {
    fault: 'a store can be opened twice',
    caughtBy: 'opening: an open store cannot be opened again, a closed one can',
    adapter: (adapter) => {
      const open = adapter.open.bind(adapter);
      adapter.open = async (topic, partition, options) => {
        Reflect.set(adapter, 'slots', new Map());
        return open(topic, partition, options);
      };
    },
  },
  {
    fault: 'an open store can be destroyed',
    caughtBy: 'opening: destroy removes a closed store with all it holds, and nothing else',
    adapter: (adapter) => {
      const destroy = adapter.destroy.bind(adapter);
      adapter.destroy = async (topic, partition) => {
        Reflect.set(adapter, 'slots', new Map());
        return destroy(topic, partition);
      };
    },
  },
  {
    fault: 'destroy takes the topics below, too',
    caughtBy: 'opening: destroy removes a closed store with all it holds, and nothing else',
    adapter: (adapter) => {
      const destroy = adapter.destroy.bind(adapter);
      adapter.destroy = async (topic, partition) => {
        await destroy(topic, partition);
        adapter.tables.splice(
          0,
          adapter.tables.length,
          ...adapter.tables.filter(({ id }) => !id.topic.startsWith(`${topic}/`)),
        );
      };
    },
  },
  {
    fault: 'partition 10 is partition 1',
    caughtBy: 'opening: partitions and topics are independent, nested topics too',
    adapter: (adapter) => {
      const open = adapter.open.bind(adapter);
      adapter.open = (topic, partition, options) => open(topic, partition === 10 ? 1 : partition, options);
    },
  },
  {
    fault: 'any setting is taken',
    caughtBy: 'opening: unknown settings are refused with INVALID_CONFIG, and nothing is created',
    adapter: (adapter) => {
      adapter.validateSettings = () => {};
    },
  },
  {
    fault: 'the adapter closes, its stores do not',
    caughtBy: 'closing: closing the adapter closes its stores and refuses everything after',
    adapter: (adapter) => {
      adapter.close = async () => {
        Reflect.set(adapter, 'closing', Promise.resolve());
      };
    },
  },
];
