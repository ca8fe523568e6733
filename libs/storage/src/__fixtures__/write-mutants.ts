import type { StoreEntry } from '../index.js';
import { changeBatch, later, type Mutant } from './mutant.js';

/** Faults of writes, persistence, opening and closing. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  {
    fault: 'a deleted key comes back after a reopen',
    caughtBy: 'persistence: a reopened store has what was written: overwrites, deletions, batches',
    store: (_store, table) => {
      const written = table.log.filter((entry) => entry.type === 'put');
      const lost = written.filter(({ key }) => !table.entries.some((entry) => entry.key.equals(key)));
      table.entries = [...table.entries, ...lost].sort((a, b) => a.key.compare(b.key));
    },
  },
  {
    fault: 'an overwritten value comes back after a reopen',
    caughtBy: 'persistence: a reopened store has what was written: overwrites, deletions, batches',
    store: (_store, table) => {
      table.entries = table.entries.map((entry) => {
        const oldest = table.log.find(({ type, key }) => type === 'put' && key.equals(entry.key));
        return oldest as unknown as StoreEntry;
      });
    },
  },
  {
    fault: 'the newest write is lost by a reopen',
    caughtBy: 'persistence: closing only a store, not the adapter, keeps its data',
    store: (_store, table) => {
      table.entries.pop();
    },
  },
  {
    fault: 'a reopen resets the counters',
    caughtBy: 'persistence: a reopened store counts its entries',
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
    caughtBy: 'batch: a scan sees all of a batch or nothing of it',
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
    fault: 'if a batch writes a key twice, the first write wins',
    caughtBy: 'batch: the operations of a batch apply in order',
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
    caughtBy: 'concurrency: every read after a resolved write sees it, while other writes go on',
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
    caughtBy: 'isolation: a lent value is stored as it was, and can be reused once the write has resolved',
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
    fault: 'truncate does not clear the log',
    caughtBy: 'truncation: truncate removes everything, and the store accepts writes again',
    store: (store, table) => {
      store.truncate = async () => {
        table.entries = [];
      };
    },
  },
  {
    fault: 'truncate is delayed and removes later writes',
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
    fault: 'optimize removes a live key',
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
    fault: 'discardBefore also removes its own key',
    caughtBy: 'upkeep: discardBefore loses nothing from its key on',
    store: (store, table) => {
      store.discardBefore = async (before) => {
        table.entries = table.entries.filter(({ key }) => key.compare(Buffer.from(before as string)) > 0);
      };
    },
  },
  {
    fault: 'text is stored in Unicode normal form',
    caughtBy: 'basics: strings are stored as their UTF-8 bytes',
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
    fault: 'a long value is truncated',
    caughtBy: 'sizes: values of 1 MiB and of the largest size come back complete',
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
    caughtBy: 'opening: destroy removes a closed store and all its data, and nothing else',
    adapter: (adapter) => {
      const destroy = adapter.destroy.bind(adapter);
      adapter.destroy = async (topic, partition) => {
        Reflect.set(adapter, 'slots', new Map());
        return destroy(topic, partition);
      };
    },
  },
  {
    fault: 'destroy also removes the topics below',
    caughtBy: 'opening: destroy removes a closed store and all its data, and nothing else',
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
    fault: 'partition 10 is taken for partition 1',
    caughtBy: 'opening: partitions and topics are independent, nested topics too',
    adapter: (adapter) => {
      const open = adapter.open.bind(adapter);
      adapter.open = (topic, partition, options) => open(topic, partition === 10 ? 1 : partition, options);
    },
  },
  {
    fault: 'any setting is accepted',
    caughtBy: 'opening: unknown settings are refused with INVALID_CONFIG, and nothing is created',
    adapter: (adapter) => {
      adapter.validateSettings = () => {};
    },
  },
  {
    fault: 'the adapter closes without closing its stores',
    caughtBy: 'closing: closing the adapter closes its stores and refuses every later call',
    adapter: (adapter) => {
      adapter.close = async () => {
        Reflect.set(adapter, 'closing', Promise.resolve());
      };
    },
  },
];
