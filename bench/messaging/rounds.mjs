/** Rounds over cells in turning order, their medians, and tables of them. */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineFacts } from '../dist/lib/machine.js';

const CELL = fileURLToPath(new URL('./cell.mjs', import.meta.url));
const PEERS_INSTALLED = fileURLToPath(new URL('../peers/node_modules', import.meta.url));

/**
 * What both benchmarks are told on the command line.
 * @param full values of the full form; @param quick of the quick one, which only shows that every cell works
 */
export function settings(full, quick) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      ms: { type: 'string' },
      peers: { type: 'boolean', default: true },
      dir: { type: 'string', default: process.env.BENCH_DIR ?? tmpdir() },
      out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
    },
    allowNegative: true,
  });
  const chosen = { ...full, ...(values.quick ? quick : {}) };
  for (const name of ['rounds', 'ms']) if (values[name] !== undefined) chosen[name] = Number(values[name]);
  const scratch = mkdtempSync(join(values.dir, 'genrocks-bench-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  return { ...values, ...chosen, scratch };
}

export const log = (text) => process.stderr.write(`${text}\n`);

/** Whether the clients of other queues can be used; they are no part of the project's own install. */
export function peersInstalled(wanted) {
  if (!wanted) return false;
  if (existsSync(PEERS_INSTALLED)) return true;
  log('installing the clients of other queues, once');
  const { status } = spawnSync('npm', ['ci', '--prefix', join(PEERS_INSTALLED, '..'), '--no-audit'], {
    stdio: 'inherit',
  });
  return status === 0;
}

/** Starts a server; undefined, with a word to the reader, where that cannot be. */
export async function tryStart(name, start) {
  try {
    const server = await start();
    log(server === undefined ? `left out: ${name} is not installed` : `${name} ${server.version} runs`);
    return server;
  } catch (error) {
    log(`left out: ${name} (${error.message.split('\n')[0]})`);
    return undefined;
  }
}

/** Runs one cell in a process of its own. */
export async function runInChild(task, limitMs = 120_000) {
  // What the cell before left in the page cache would be written while this one is timed.
  spawnSync('sync');
  const child = fork(CELL, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exit = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const failed = exit.then(([code, signal]) => {
    throw new Error(`a process of ${task.driver} ended with ${code ?? signal} and no result`);
  });
  failed.catch(() => {});
  try {
    const [sample] = await Promise.race([once(child, 'message'), failed]);
    await exit;
    return sample;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param cells `{ section, name, settings, run() -> sample }`; a cell that fails is told and left out
 * @returns the cells with the medians of their samples, and the slowest and fastest
 */
export async function measure(cells, rounds) {
  const samples = cells.map(() => []);
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cells.length; i++) {
      const index = (i + round * 5) % cells.length;
      const cell = cells[index];
      try {
        const sample = await cell.run();
        samples[index].push(sample);
        const seconds = Math.round((performance.now() - began) / 1000);
        log(`${seconds} s, round ${round + 1}/${rounds}: ${cell.section}, ${cell.name}: ${describe(sample)}`);
      } catch (error) {
        log(`failed: ${cell.section}, ${cell.name}: ${error.message}`);
      }
    }
  }
  return cells
    .map(({ section, name, settings }, i) => ({ section, name, settings, ...summary(samples[i]) }))
    .filter(({ rounds: done }) => done > 0);
}

function describe({ perSecond, p99 }) {
  return p99 > 0 ? `${number(perSecond)}/s, p99 ${number(p99)} ms` : `${number(perSecond)}/s`;
}

function summary(samples) {
  if (samples.length === 0) return { rounds: 0 };
  const median = (field) =>
    samples.map((sample) => sample[field] ?? 0).sort((a, b) => a - b)[samples.length >> 1];
  const speeds = samples.map(({ perSecond }) => perSecond);
  const fields = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return {
    ...Object.fromEntries([...fields].map((field) => [field, median(field)])),
    slowest: Math.min(...speeds),
    fastest: Math.max(...speeds),
    rounds: samples.length,
  };
}

export function number(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value < 10 ? 2 : 1);
}

/** One line for each section's cells: speeds, and latencies where they were measured. */
export function sectionTable(title, rows) {
  const lines = [`## ${title}`, ''];
  lines.push(
    '| | messages/s | slowest - fastest | p50 ms | p99 ms | client µs of CPU a message |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
  );
  for (const row of rows) {
    const ms = (value) => (value > 0 ? number(value) : '');
    const cells = [
      row.settings === undefined ? row.name : `${row.name} (${row.settings})`,
      number(row.perSecond),
      `${number(row.slowest)} - ${number(row.fastest)}`,
      ms(row.p50),
      ms(row.p99),
      ms(row.cpuMicros),
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines;
}

/**
 * What must be reached, and what was.
 * @param goals `{ name, value, must, unit, atMost }`; a goal whose value could not be measured has none
 */
export function goalTable(goals) {
  const lines = ['## Summary', '', '| | measured | must | |', '| --- | ---: | ---: | --- |'];
  for (const { name, value, must, unit = '', atMost = false } of goals) {
    const sign = atMost ? '<' : '≥';
    if (value === undefined || must === undefined) lines.push(`| ${name} | not measured | | |`);
    else {
      const met = atMost ? value < must : value >= must;
      lines.push(
        `| ${name} | ${number(value)}${unit} | ${sign} ${number(must)}${unit} | ${met ? 'met' : '**missed**'} |`,
      );
    }
  }
  return lines;
}

/** Prints the results and keeps them, as tables and as JSON. */
export function publish(
  name,
  { out, scratch, quick },
  { title, notes, results, goals, extra = [], command },
) {
  const machine = machineFacts(scratch);
  const lines = [`# ${title}`, '', `    ${command}`, ''];
  for (const [key, value] of Object.entries(machine)) lines.push(`- ${key}: ${value}`);
  lines.push('', ...notes, '', ...goalTable(goals));
  for (const section of new Set(results.map((one) => one.section))) {
    const rows = results.filter((one) => one.section === section);
    lines.push('', ...sectionTable(section, rows));
  }
  const text = `${[...lines, ...extra].join('\n')}\n`;
  console.log(text);
  // A quick run measures nothing that is worth keeping, unless it is told where.
  if (quick && out === fileURLToPath(new URL('../results', import.meta.url))) return;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${name}.md`), text);
  writeFileSync(
    join(out, `${name}.json`),
    `${JSON.stringify({ command, machine, goals, results }, undefined, 2)}\n`,
  );
}
