/** What is compared with outside this process: the bare device, Erlang, and RocksDB's own benchmark. */
import { execFile, execFileSync } from 'node:child_process';
import { closeSync, existsSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * The most that any store could reach: a plain loop of write and fdatasync into space that was zero-filled before,
 * with the bytes that one sync of the disk log carries.
 */
export function ceiling(directory, bytesPerSync, ms) {
  mkdirSync(directory, { recursive: true });
  const space = 256 << 20;
  const fd = openSync(join(directory, 'ceiling'), 'w+');
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < space; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
  fsyncSync(fd);
  const chunk = Buffer.alloc(bytesPerSync, 7);
  let syncs = 0;
  const began = performance.now();
  while (performance.now() - began < ms) {
    const at = (syncs * bytesPerSync) % (space - bytesPerSync);
    writeSync(fd, chunk, 0, bytesPerSync, at);
    fdatasyncSync(fd);
    syncs++;
  }
  const seconds = (performance.now() - began) / 1000;
  closeSync(fd);
  return syncs / seconds;
}

/** The same loop into new space, as a log grows: syncs a second, each of `bytesPerSync`. */
export function growing(directory, bytesPerSync, ms) {
  mkdirSync(directory, { recursive: true });
  const most = 1 << 30;
  const fd = openSync(join(directory, 'growing'), 'w+');
  const chunk = Buffer.alloc(bytesPerSync, 7);
  let syncs = 0;
  const began = performance.now();
  while (performance.now() - began < ms && (syncs + 1) * bytesPerSync <= most) {
    writeSync(fd, chunk, 0, bytesPerSync, syncs * bytesPerSync);
    fdatasyncSync(fd);
    syncs++;
  }
  const seconds = (performance.now() - began) / 1000;
  closeSync(fd);
  return syncs / seconds;
}

/** Erlang's own disk_log with a sync after every write; undefined where `erl` is not installed. */
export function erlangDiskLog(directory, { writers, batch, bytes, ms, sync }) {
  mkdirSync(directory, { recursive: true });
  const script = fileURLToPath(new URL('./disk_log.escript', import.meta.url));
  const found = ['/usr/bin/escript', '/usr/local/bin/escript'].find((path) => existsSync(path));
  if (found === undefined) return undefined;
  const args = [script, join(directory, 'log'), ...[writers, batch, bytes, ms, sync ? 1 : 0].map(String)];
  return Number(execFileSync(found, args, { encoding: 'utf8' }).trim());
}

/**
 * RocksDB through its own benchmark, without Node: writes a second of `threads` writers at random keys, or undefined
 * where `db_bench` (Debian: rocksdb-tools) is not installed.
 */
export async function dbBenchWrites(directory, { writers, batch, bytes, ms, sync }) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const rates = await dbBench(
    directory,
    ['fillrandom'],
    [
      `--threads=${writers}`,
      `--batch_size=${batch}`,
      `--value_size=${bytes}`,
      `--sync=${sync ? 1 : 0}`,
      `--duration=${seconds}`,
      '--num=10000000',
    ],
  );
  return rates?.[0];
}

/** Fills a database for {@link dbBenchReads}; false where `db_bench` is not installed. */
export async function dbBenchFill(directory, count) {
  const rates = await dbBench(
    directory,
    ['fillseq'],
    [`--num=${count}`, '--value_size=1024', '--batch_size=1000'],
  );
  return rates !== undefined;
}

/** Random reads or a full scan of a filled database, a second. */
export async function dbBenchReads(directory, count, what) {
  const reads = what === 'readrandom' ? ['--reads=50000'] : [];
  const rates = await dbBench(
    directory,
    [what],
    [`--num=${count}`, '--value_size=1024', '--use_existing_db=1', ...reads],
  );
  return rates?.[0];
}

async function dbBench(directory, benchmarks, flags) {
  const found = ['/usr/bin/db_bench', '/usr/local/bin/db_bench'].find((path) => existsSync(path));
  if (found === undefined) return undefined;
  const args = [
    `--db=${directory}`,
    `--benchmarks=${benchmarks.join(',')}`,
    '--key_size=8',
    '--compression_type=none',
  ];
  const { stdout } = await promisify(execFile)(found, [...args, ...flags], { maxBuffer: 64 << 20 });
  return [...stdout.matchAll(/ micros\/op (\d+) ops\/sec/g)].map(([, rate]) => Number(rate));
}
