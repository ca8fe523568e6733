/**
 * The stores that are compared, behind one face:
 * `{ name, open(directory, mode) -> { put(i), batch(from, count), get(i), scan() -> count, close() } }`,
 * mode `durable` (acknowledged when on stable storage) or `os` (acknowledged when with the operating system);
 * `has(mode)`, where it is there, says whether the contender takes part.
 */
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const peersRoot = fileURLToPath(new URL('../peers/', import.meta.url));
const require = createRequire(join(peersRoot, 'package.json'));

/** Keys as a log writes them: ascending, eight bytes. */
export function keyOf(i) {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(i / 0x1_0000_0000), 0);
  key.writeUInt32BE(i >>> 0, 4);
  return key;
}

/** The face over one store of an adapter of ours. */
async function throughAdapter(adapter, value) {
  const store = await adapter.open('bench', 0);
  return {
    put: (i) => store.put(keyOf(i), value),
    batch: (from, count) =>
      store.batch(Array.from({ length: count }, (_, j) => ({ type: 'put', key: keyOf(from + j), value }))),
    get: (i) => store.get(keyOf(i)),
    async scan() {
      let count = 0;
      for await (const page of store.scanPages()) count += page.length;
      return count;
    },
    close: () => adapter.close(),
  };
}

async function diskLog() {
  const { DiskLogStorageAdapter } = await import('@genrocks/storage-disklog');
  return {
    name: 'GenRocks disk_log',
    async open(directory, mode, value, options = {}) {
      const settings = {
        sync: mode === 'durable' ? 'always' : 'os',
        maxNoBytes: '256MB',
        maxNoFiles: 1000,
        ...options,
      };
      const adapter = new DiskLogStorageAdapter({ logDir: directory, ...settings });
      return throughAdapter(adapter, value);
    },
  };
}

/** The setting in which its durable writes are faster here, which is what goals are set against. */
const lmdb = () =>
  lmdbWith('lmdb (overlappingSync: false)', (mode) => ({
    overlappingSync: false,
    noSync: mode === 'os',
  }));

/** As it comes: commits overlap with syncs, and a write is on the device when its `flushed` has resolved. */
const lmdbAsItComes = () =>
  lmdbWith('lmdb (as it comes)', (mode) => (mode === 'durable' ? { separateFlushed: true } : undefined));

/** `settingsOf` answers undefined for a mode in which this contender is left out. */
async function lmdbWith(name, settingsOf) {
  const { open } = require('lmdb');
  return {
    name,
    has: (mode) => settingsOf(mode) !== undefined,
    async open(directory, mode, value) {
      const settings = settingsOf(mode);
      const db = open({
        path: directory,
        keyEncoding: 'binary',
        encoding: 'binary',
        mapSize: 2 ** 36,
        ...settings,
      });
      const stored = settings.separateFlushed ? (promise) => promise.flushed : (promise) => promise;
      return {
        put: (i) => stored(db.put(keyOf(i), value)),
        batch: (from, count) =>
          stored(
            db.batch(() => {
              for (let j = 0; j < count; j++) db.put(keyOf(from + j), value);
            }),
          ),
        get: (i) => db.getBinary(keyOf(i)),
        async scan() {
          let count = 0;
          for (const entry of db.getRange()) if (entry.value.length > 0) count++;
          return count;
        },
        close: () => db.close(),
      };
    },
  };
}

async function level() {
  const { ClassicLevel } = require('classic-level');
  return {
    name: 'classic-level',
    async open(directory, mode, value) {
      const db = new ClassicLevel(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
      await db.open();
      const options = { sync: mode === 'durable' };
      return {
        put: (i) => db.put(keyOf(i), value, options),
        batch: (from, count) =>
          db.batch(
            Array.from({ length: count }, (_, j) => ({ type: 'put', key: keyOf(from + j), value })),
            options,
          ),
        get: (i) => db.get(keyOf(i)),
        async scan() {
          let count = 0;
          const iterator = db.iterator();
          for (let page = await iterator.nextv(1000); page.length > 0; page = await iterator.nextv(1000)) {
            count += page.length;
          }
          await iterator.close();
          return count;
        },
        close: () => db.close(),
      };
    },
  };
}

async function sqlite() {
  const Database = require('better-sqlite3');
  return {
    name: 'SQLite (WAL)',
    async open(directory, mode, value) {
      mkdirSync(directory, { recursive: true });
      const db = new Database(join(directory, 'bench.db'));
      db.pragma('journal_mode = WAL');
      db.pragma(`synchronous = ${mode === 'durable' ? 'FULL' : 'OFF'}`);
      db.exec('CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID');
      const insert = db.prepare('INSERT OR REPLACE INTO kv VALUES (?, ?)');
      const select = db.prepare('SELECT v FROM kv WHERE k = ?').pluck();
      const many = db.transaction((from, count) => {
        for (let j = 0; j < count; j++) insert.run(keyOf(from + j), value);
      });
      return {
        put: async (i) => insert.run(keyOf(i), value),
        batch: async (from, count) => many(from, count),
        get: async (i) => select.get(keyOf(i)),
        async scan() {
          let count = 0;
          for (const row of db.prepare('SELECT k, v FROM kv').raw().iterate()) if (row.length > 0) count++;
          return count;
        },
        close: async () => db.close(),
      };
    },
  };
}

async function rocksdb() {
  const { RocksDbStorageAdapter } = await import('@genrocks/storage-rocksdb');
  return {
    name: 'RocksDB in Node (our adapter)',
    async open(directory, mode, value) {
      const adapter = new RocksDbStorageAdapter({
        path: directory,
        sync: mode === 'durable' ? 'always' : 'os',
      });
      return throughAdapter(adapter, value);
    },
  };
}

/** Peers that load here; those that do not are named. */
export async function loadPeers(log) {
  const peers = [];
  for (const load of [diskLog, lmdb, lmdbAsItComes, level, sqlite, rocksdb]) {
    try {
      peers.push(await load());
    } catch (error) {
      log(`left out: ${load.name} (${error.message.split('\n')[0]})`);
    }
  }
  return peers;
}
