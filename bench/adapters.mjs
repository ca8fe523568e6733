/**
 * The three adapters side by side: `npm run bench:adapters -- [--rounds 5] [--ms 700] [--entries 100000]`.
 *
 * Every round runs each adapter in a process of its own, in turning order, so that a slow minute of the machine does
 * not hit one of them alone. Quoted are the median of the rounds and, in brackets, the slowest and the fastest.
 * The results go to bench/results/adapters.json as well.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ADAPTERS = ['ets', 'disk_log', 'rocksdb'];
const VALUE_BYTES = 1024;
const script = fileURLToPath(import.meta.url);

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    ms: { type: 'string', default: '700' },
    entries: { type: 'string', default: '100000' },
    task: { type: 'string' },
    adapter: { type: 'string' },
    directory: { type: 'string' },
  },
});
const ms = Number(options.ms);
const entries = Number(options.entries);

if (options.task === undefined) compare();
else if (options.task === 'measure') await measure();
else await reopen();

/** @param {string} name @param {string} directory @param {'always' | 'os'} sync */
async function newAdapter(name, directory, sync = 'always') {
  if (name === 'ets') return new (await import('@genrocks/storage-ets')).EtsStorageAdapter();
  if (name === 'rocksdb') {
    const { RocksDbStorageAdapter } = await import('@genrocks/storage-rocksdb');
    return new RocksDbStorageAdapter({ path: directory, sync });
  }
  const { DiskLogStorageAdapter } = await import('@genrocks/storage-disklog');
  return new DiskLogStorageAdapter({ logDir: directory, sync, maxNoFiles: 20, maxNoBytes: '64MB' });
}

/** Runs `writers` loops for a while; `step` does one write of so many entries. Answers entries a second. */
async function perSecond(writers, perStep, step) {
  let done = 0;
  const start = performance.now();
  const loop = async () => {
    while (performance.now() - start < ms) {
      await step();
      done += perStep;
    }
  };
  await Promise.all(Array.from({ length: writers }, loop));
  return done / ((performance.now() - start) / 1000);
}

function keyOf(n) {
  return String(n).padStart(12, '0');
}

/** In a child: every workload on one adapter; ends by being killed, so that the parent can measure recovery. */
async function measure() {
  const { adapter: name, directory } = options;
  const value = Buffer.alloc(VALUE_BYTES, 'x');
  let next = 0;
  const putsOf = (count) => Array.from({ length: count }, () => ({ type: 'put', key: keyOf(next++), value }));

  const result = {};
  const durable = await newAdapter(name, join(directory, 'writes'));
  const store = await durable.open('bench', 0);
  result['put, 1 writer (/s)'] = await perSecond(1, 1, () => store.put(keyOf(next++), value));
  result['put, 64 writers (/s)'] = await perSecond(64, 1, () => store.put(keyOf(next++), value));
  result['batches of 100, 1 writer (/s)'] = await perSecond(1, 100, () => store.batch(putsOf(100)));
  const partitions = await Promise.all(Array.from({ length: 64 }, (_, i) => durable.open('spread', i)));
  let turn = 0;
  result['put, 64 writers over 64 partitions (/s)'] = await perSecond(64, 1, () =>
    partitions[turn++ % 64].put(keyOf(next++), value),
  );
  await durable.close();

  next = 0;
  const empty = process.memoryUsage().rss;
  const filled = await newAdapter(name, join(directory, 'filled'), 'os');
  const full = await filled.open('bench', 0);
  const start = performance.now();
  while (next < entries) await full.batch(putsOf(100));
  result['sync: os, batches of 100 (/s)'] = entries / ((performance.now() - start) / 1000);
  result['get, random, 16 readers (/s)'] = await perSecond(16, 1, () =>
    full.get(keyOf(Math.floor(Math.random() * entries))),
  );
  const scanned = performance.now();
  let found = 0;
  for await (const page of full.scanPages()) found += page.length;
  if (found !== entries) throw new Error(`${name} scanned ${found} of ${entries} entries`);
  result['full scan (/s)'] = entries / ((performance.now() - scanned) / 1000);
  globalThis.gc?.();
  result[`memory for ${entries} entries (MB)`] = (process.memoryUsage().rss - empty) / 1024 ** 2;
  await full.sync();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.kill(process.pid, 'SIGKILL'));
}

/** In a child: opens what a killed process left, and reads one entry. */
async function reopen() {
  const { adapter: name, directory } = options;
  const adapter = await newAdapter(name, join(directory, 'filled'), 'os');
  const start = performance.now();
  const store = await adapter.open('bench', 0);
  const value = await store.get(keyOf(entries - 1));
  const took = performance.now() - start;
  if ((value !== undefined) !== adapter.supports.persistent) throw new Error(`${name} lost what was synced`);
  await adapter.close();
  console.log(JSON.stringify({ 'open after kill -9 (ms)': value === undefined ? NaN : took }));
}

function runChild(task, adapter, directory) {
  const rest = ['--ms', String(ms), '--entries', String(entries)];
  const args = [
    '--expose-gc',
    script,
    '--task',
    task,
    '--adapter',
    adapter,
    '--directory',
    directory,
    ...rest,
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (stdout === '') throw new Error(`${task} on ${adapter} failed: ${stderr}`);
  return JSON.parse(stdout);
}

function compare() {
  const samples = Object.fromEntries(ADAPTERS.map((name) => [name, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    console.error(`round ${round + 1}`);
    for (let i = 0; i < ADAPTERS.length; i++) {
      const name = ADAPTERS[(i + round) % ADAPTERS.length];
      const directory = mkdtempSync(join(tmpdir(), 'genrocks-bench-'));
      try {
        const measured = runChild('measure', name, directory);
        samples[name].push({ ...measured, ...runChild('open', name, directory) });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
  }
  report(samples);
}

function report(samples) {
  const results = {};
  console.log(`| 1 KiB values | ${ADAPTERS.join(' | ')} |\n| --- | --- | --- | --- |`);
  for (const workload of Object.keys(samples.ets[0])) {
    const cells = ADAPTERS.map((name) => summary(samples[name].map((sample) => sample[workload])));
    results[workload] = Object.fromEntries(ADAPTERS.map((name, i) => [name, cells[i]]));
    console.log(`| ${workload} | ${cells.map(text).join(' | ')} |`);
  }
  const machine = { cpu: cpus()[0].model, cores: cpus().length, node: process.version };
  const path = join(import.meta.dirname, 'results', 'adapters.json');
  mkdirSync(join(import.meta.dirname, 'results'), { recursive: true });
  const run = { rounds: Number(options.rounds), ms, entries };
  writeFileSync(
    path,
    `${JSON.stringify({ command: 'npm run bench:adapters', machine, run, results }, null, 2)}\n`,
  );
}

/** @param {(number | null)[]} values */
function summary(values) {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  return { median: sorted[sorted.length >> 1], min: sorted[0], max: sorted.at(-1) };
}

function text(cell) {
  if (cell === null) return '-';
  const [median, min, max] = [cell.median, cell.min, cell.max].map((n) => Math.round(n).toLocaleString('en'));
  return `${median} (${min} to ${max})`;
}
