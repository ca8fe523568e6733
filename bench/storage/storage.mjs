/**
 * npm run bench:storage -- [--rounds 5] [--ms 1000] [--gb 1] [--only writes,reads,open] [--write-results]
 *
 * Compares the disk log with other stores in one run. Rounds go over all stores of a workload in turn; medians, the
 * slowest and the fastest round are printed, and what the disk log is of each peer.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ceiling, dbBenchFill, dbBenchReads, dbBenchWrites, erlangDiskLog } from './outside.mjs';
import { keyOf, loadPeers } from './peers.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '1000' },
    gb: { type: 'string', default: '1' },
    only: { type: 'string', default: 'writes,reads,open' },
    'write-results': { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const ms = Number(flags.ms);
const log = (text) => process.stderr.write(`${text}\n`);
const scratch = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'genrocks-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
let directories = 0;
const freshDirectory = () => join(scratch, String(directories++));

const OURS = 'GenRocks disk_log';
const DB_BENCH = 'RocksDB C++ (db_bench)';
const tables = [];

function report(title, samples) {
  const rows = [...samples].map(([name, values]) => {
    const sorted = [...values].sort((a, b) => a - b);
    return { name, median: sorted[sorted.length >> 1], min: sorted[0], max: sorted.at(-1) };
  });
  const ours = rows.find(({ name }) => name === OURS)?.median;
  const unit = title.includes('ms') ? 'ms' : '/s';
  const count = Math.max(...[...samples.values()].map(({ length }) => length));
  const head = `| store | median of ${count} rounds | slowest - fastest | ours is |`;
  const lines = [`### ${title}`, '', head, '|---|---|---|---|'];
  for (const { name, median, min, max } of rows) {
    const ratio = name === OURS || ours === undefined ? '' : `${(ours / median).toFixed(2)} x`;
    lines.push(`| ${name} | ${number(median)} ${unit} | ${number(min)} - ${number(max)} | ${ratio} |`);
  }
  tables.push(lines.join('\n'));
  console.log(`\n${lines.join('\n')}`);
}

function number(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toFixed(value < 10 ? 2 : 1);
}

/** Runs every contender once a round, in turning order. */
async function interleave(title, contenders, times = rounds) {
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < times; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const { name, run } = contenders[(i + round) % contenders.length];
      // What the one before left to be written back is not this one's load.
      spawnSync('sync', ['-f', scratch]);
      const value = await run();
      if (value !== undefined) samples.get(name).push(value);
    }
    log(`${title}: round ${round + 1} of ${times}`);
  }
  for (const [name, values] of samples) if (values.length === 0) samples.delete(name);
  report(title, samples);
}

/** Entries a second that `writers` writers get acknowledged, each waiting for its own before it goes on. */
async function write(peer, mode, writers, batch, bytes) {
  const directory = freshDirectory();
  const store = await peer.open(directory, mode, Buffer.alloc(bytes, 'v'));
  let next = 0;
  const began = performance.now();
  const end = began + ms;
  const writer = async () => {
    while (performance.now() < end) {
      const from = next;
      next += batch;
      await (batch === 1 ? store.put(from) : store.batch(from, batch));
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const perSecond = (next / (performance.now() - began)) * 1000;
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  return perSecond;
}

/** Runs something in a directory of its own, which is removed afterwards. */
async function cleanly(run) {
  const directory = freshDirectory();
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const taking = (mode, peers) => peers.filter(({ has = () => true }) => has(mode));

async function writes(peers) {
  const cells = [
    ['durable put, 64 writers', 'durable', 64, 1],
    ['durable put, 1 writer', 'durable', 1, 1],
    ['durable batches of 100, 1 writer', 'durable', 1, 100],
    ['sync: os, batches of 100, 1 writer', 'os', 1, 100],
  ];
  for (const bytes of [1024, 100]) {
    for (const [title, mode, writers, batch] of cells) {
      const contenders = taking(mode, peers).map((peer) => ({
        name: peer.name,
        run: () => write(peer, mode, writers, batch, bytes),
      }));
      const load = { writers, batch, bytes, ms, sync: mode === 'durable' };
      contenders.push({ name: 'Erlang disk_log', run: async () => erlangDiskLog(freshDirectory(), load) });
      contenders.push({ name: DB_BENCH, run: () => cleanly((directory) => dbBenchWrites(directory, load)) });
      if (mode === 'durable') {
        const perSync = writers * batch;
        const run = async (directory) => ceiling(directory, perSync * (bytes + 64), ms) * perSync;
        contenders.push({ name: 'ceiling (write + fdatasync)', run: () => cleanly(run) });
      }
      await interleave(`${title}, ${bytes} B`, contenders);
    }
  }
  await manyPartitions();
}

async function manyPartitions() {
  const { DiskLogStorageAdapter } = await import('@genrocks/storage-disklog');
  const run = async () => {
    const directory = freshDirectory();
    const adapter = new DiskLogStorageAdapter({ logDir: directory, maxNoBytes: '64MB' });
    const stores = await Promise.all(Array.from({ length: 64 }, (_, i) => adapter.open('bench', i)));
    const value = Buffer.alloc(1024, 'v');
    let count = 0;
    const end = performance.now() + ms;
    const writer = async (store) => {
      for (let i = 0; performance.now() < end; i++, count++) await store.put(keyOf(i), value);
    };
    await Promise.all(stores.map(writer));
    await adapter.close();
    rmSync(directory, { recursive: true, force: true });
    return (count / ms) * 1000;
  };
  await interleave('durable put, 64 writers, one of 64 partitions each, 1024 B', [{ name: OURS, run }]);
}

async function reads(peers) {
  const count = Math.round(Number(flags.gb) * 2 ** 20);
  const value = Buffer.alloc(1024, 'v');
  const opened = [];
  for (const peer of taking('os', peers)) {
    const directory = freshDirectory();
    const store = await peer.open(directory, 'os', value);
    for (let i = 0; i < count; i += 1000) await store.batch(i, Math.min(1000, count - i));
    await store.close();
    opened.push({ name: peer.name, store: await peer.open(directory, 'os', value) });
    log(`filled ${peer.name} with ${count} values`);
  }
  const random = (store) => async () => {
    // Read once before, so that what is compared is the stores and not which of them was filled last.
    await store.scan();
    const began = performance.now();
    let gets = 0;
    // Asking for the time takes a good part of what a get does.
    for (; gets % 100 !== 0 || performance.now() - began < ms; gets++) {
      const found = await store.get(Math.floor(Math.random() * count));
      if (found?.length !== 1024) throw new Error('a value is missing');
    }
    return (gets / (performance.now() - began)) * 1000;
  };
  const scan = (store) => async () => {
    const began = performance.now();
    const found = await store.scan();
    if (found !== count) throw new Error(`the scan found ${found} of ${count}`);
    return (found / (performance.now() - began)) * 1000;
  };
  const bare = freshDirectory();
  const outside = (await dbBenchFill(bare, count)) ? [bare] : [];
  const reading = (what) =>
    outside.map((path) => ({ name: DB_BENCH, run: () => dbBenchReads(path, count, what) }));
  await interleave(`random get over ${flags.gb} GB, batches of 1000 written`, [
    ...opened.map(({ name, store }) => ({ name, run: random(store) })),
    ...reading('readrandom'),
  ]);
  await interleave(
    `full scan of ${flags.gb} GB`,
    [...opened.map(({ name, store }) => ({ name, run: scan(store) })), ...reading('readseq')],
    Math.min(3, rounds),
  );
  for (const { store } of opened) await store.close();
}

/** How long opening takes after the writer was killed, and what memory it takes, by the size of the log. */
async function opening() {
  const child = fileURLToPath(new URL('./fill.mjs', import.meta.url));
  for (const gb of [0.1, Number(flags.gb), 10 * Number(flags.gb)]) {
    const directory = freshDirectory();
    mkdirSync(directory);
    const filler = spawn(process.execPath, [child, 'fill', directory, String(gb)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(filler.stdout, 'data');
    filler.kill('SIGKILL');
    await once(filler, 'exit');
    const opens = [];
    let rss = 0;
    for (let i = 0; i < rounds; i++) {
      const opener = spawn(process.execPath, [child, 'open', directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [text] = await once(opener.stdout, 'data');
      const result = JSON.parse(String(text));
      await once(opener, 'exit');
      opens.push(result.ms);
      rss = result.rss;
    }
    report(`open after kill -9, ${gb} GB, in ms (resident memory then ${rss} MB)`, new Map([[OURS, opens]]));
    rmSync(directory, { recursive: true, force: true });
  }
}

const peers = await loadPeers(log);
const only = flags.only.split(',');
if (only.includes('writes')) await writes(peers);
if (only.includes('reads')) await reads(peers);
if (only.includes('open')) await opening();

if (flags['write-results']) {
  const path = fileURLToPath(new URL('../results/storage.md', import.meta.url));
  const facts = [
    '- command: npm run bench:storage -- --write-results; parts may have been run by themselves, with --only',
    `- cpus: ${cpus().length}, node ${process.version}, file system type 0x${statfsSync(scratch).type.toString(16)}`,
    '- before every cell what is dirty on the file system is written back (`sync -f`)',
    '- every store is read once before its random gets',
    '- lmdb with `overlappingSync: false`, and as it comes, its `flushed` awaited; SQLite in WAL mode with synchronous = FULL, classic-level with sync: true',
  ];
  const all = merged(existsSync(path) ? readFileSync(path, 'utf8') : '', tables);
  writeFileSync(
    path,
    ['# Storage: the disk log beside other stores', '', ...facts, '', ...all, ''].join('\n'),
  );
}

/** The tables of a run in the place of those of an earlier one, whose other tables stay. */
function merged(earlier, now) {
  const titleOf = (table) => /^### ([^(\n]*)/.exec(table)[1].trim();
  const kept = new Map(
    earlier
      .split(/\n+(?=### )/)
      .slice(1)
      .map((table) => [titleOf(table), table.trim()]),
  );
  for (const table of now) kept.set(titleOf(table), table.trim());
  return [...kept.values()].join('\n\n').split('\n');
}
