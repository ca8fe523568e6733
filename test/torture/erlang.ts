import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import type { PartitionStore } from '@genrocks/storage';
import { Logger } from '@nestjs/common';
import { entryText, type Limits, perform } from '../../libs/storage-disklog/src/__fixtures__/expected-log.js';
import type { Random } from '../../libs/storage-disklog/src/__fixtures__/random.js';
import { operationAt } from './operations.mjs';
import type { Rig, Torture } from './torture.js';

const JUDGE = fileURLToPath(new URL('judge.escript', import.meta.url));

function unavailable(): string | undefined {
  try {
    execFileSync('escript', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'Erlang is not installed' : undefined;
  }
}

function judge(command: 'read' | 'append', logDir: string, limits: Limits, ...more: string[]): string[] {
  const { logType, maxNoBytes, maxNoFiles } = limits;
  const type = logType === 'wrap' ? 'wrap' : 'halt';
  const file = join(logDir, 't', 'partition_0', 'log');
  const args = [JUDGE, command, file, type, String(maxNoBytes), String(maxNoFiles), ...more];
  return execFileSync('escript', args, { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\n')
    .filter(Boolean);
}

/** Erlang's reading of a copy: opening an unclosed log writes to it. */
async function erlangReads(logDir: string, limits: Limits): Promise<{ opened: string; entries: string[] }> {
  const copy = await copyOf(logDir);
  try {
    const [opened, ...lines] = judge('read', copy, limits);
    const entries = lines.map((line) => {
      const [key, value] = line.split(' ');
      const name = Buffer.from(key!, 'base64').toString();
      return value === '-' ? `${name}-` : `${name}=${Buffer.from(value ?? '', 'base64').toString()}`;
    });
    return { opened: opened!, entries };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyOf(logDir: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'genrocks-erlang-'));
  await cp(logDir, copy, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
  return copy;
}

async function ourReading(store: PartitionStore): Promise<string[]> {
  const entries: string[] = [];
  for await (const entry of store.readLogEntries()) entries.push(entryText(entry));
  return entries;
}

function same(what: string, theirs: readonly string[], ours: readonly string[]): void {
  const at = ours.findIndex((text, i) => theirs[i] !== text);
  if (at < 0 && theirs.length === ours.length) return;
  throw new Error(
    `${what}: Erlang reads ${theirs.length} entries, we ${ours.length}; first difference at ${at}`,
  );
}

async function compareOnce(limits: Limits, random: Random): Promise<string> {
  const logDir = await mkdtemp(join(tmpdir(), 'genrocks-erlang-'));
  const options = { ...limits, logDir };
  const seed = random.int(2 ** 31);
  try {
    let adapter = new DiskLogStorageAdapter(options);
    let store = await adapter.open('t', 0);
    const count = 20 + random.int(200);
    for (let i = 0; i < count; i++) await perform(store, operationAt(seed, i));
    await store.put('large', 'L'.repeat(65_400 + random.int(300)));
    await store.put('', '');
    const crashed = await erlangReads(logDir, limits);
    same('an unclosed log', crashed.entries, await ourReading(store));
    await adapter.close();

    const closed = await erlangReads(logDir, limits);
    if (closed.opened !== 'ok') throw new Error(`Erlang opened a closed log as ${closed.opened}`);
    judge('append', logDir, limits, '1', String(3 + random.int(30)));

    adapter = new DiskLogStorageAdapter(options);
    store = await adapter.open('t', 0);
    const appended = await ourReading(store);
    if (appended.at(-1) !== 'erl1001=from Erlang 1001') throw new Error('what Erlang appended is not read');
    if ((await store.get('erl1')) !== undefined) throw new Error("a batch of Erlang's was not read whole");
    await store.put('ours', 'again');
    const both = await ourReading(store);
    await adapter.close();
    same('a log of both', (await erlangReads(logDir, limits)).entries, both);
    return `${both.length} entries, crashed: ${crashed.opened}`;
  } finally {
    await rm(logDir, { recursive: true, force: true });
  }
}

async function run({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    const limits: Limits = random.chance(0.6)
      ? { logType: 'wrap', maxNoBytes: 2000 + random.int(60_000), maxNoFiles: 2 + random.int(5) }
      : { logType: random.pick(['halt', 'compact']), maxNoBytes: 1 << 30, maxNoFiles: 1 };
    try {
      say(`  ${JSON.stringify(limits)}: ${await compareOnce(limits, random)}`);
    } catch (error) {
      throw new Error(JSON.stringify(limits), { cause: error });
    }
  }
}

/** Erlang's disk_log reads what we wrote, closed or crashed, appends to it, and we read that. */
export const erlangRig: Rig = { name: 'erlang', unavailable, run };
