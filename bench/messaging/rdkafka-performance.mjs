/** librdkafka's own benchmark client, compiled against the librdkafka that is installed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HEADERS = fileURLToPath(new URL('./librdkafka', import.meta.url));
/** Debian's librdkafka-dev brings the source along, and so does node-rdkafka, where the suites are installed. */
const SOURCES = [
  '/usr/share/doc/librdkafka-dev/examples/rdkafka_performance.c',
  fileURLToPath(
    new URL(
      '../../test/suites/node_modules/node-rdkafka/deps/librdkafka/examples/rdkafka_performance.c',
      import.meta.url,
    ),
  ),
];
const INCLUDES = '/usr/include/librdkafka';
/** It waits a second for the last batch of each partition to fill up; this is what librdkafka does by itself, and kcat. */
const BATCHING = { 'linger.ms': 5 };
const SUMMARY = /, (\d+) delivered \(offset -?\d+, (\d+) failed\) in (\d+)ms/;

/**
 * The client, which makes its payload itself and ends with the last delivery report.
 * @param directory for what is compiled
 * @returns the client, or why there is none
 */
export function rdkafkaPerformance(directory) {
  const source = SOURCES.find((path) => existsSync(path));
  if (source === undefined) return { missing: 'its source is not there (librdkafka-dev)' };
  mkdirSync(directory, { recursive: true });
  const program = join(directory, 'rdkafka_performance');
  // It asks for ../src/rd.h too, relative to where it lies.
  mkdirSync(join(directory, 'src'));
  mkdirSync(join(directory, 'examples'));
  writeFileSync(join(directory, 'src', 'rd.h'), '#include <rd.h>\n');
  writeFileSync(join(directory, 'examples', 'client.c'), readFileSync(source));
  const flags = ['-O2', '-w', '-D_GNU_SOURCE', '-I', HEADERS, '-I', INCLUDES];
  const { status, error, stderr } = spawnSync(
    'cc',
    [...flags, '-o', program, join(directory, 'examples', 'client.c'), '-lrdkafka'],
    { encoding: 'utf8' },
  );
  if (status !== 0) {
    return { missing: `it cannot be compiled: ${error?.message ?? stderr.trim().split('\n')[0]}` };
  }
  return { produce: (task) => produce(program, task) };
}

/**
 * Sends messages with librdkafka's own batching and `acks=all`.
 * @param settings of librdkafka, besides
 * @returns seconds from the first `produce` to the last delivery report, and the client's processor time, in microseconds
 */
async function produce(program, { bootstrap, topic, count, bytes, settings = {} }) {
  const args = [
    '-P',
    '-q',
    '-b',
    bootstrap,
    '-t',
    topic,
    '-c',
    String(count),
    '-s',
    String(bytes),
    '-a',
    '-1',
  ];
  for (const [name, value] of Object.entries({ ...BATCHING, ...settings }))
    args.push('-X', `${name}=${value}`);
  // The shell tells what its child took.
  const child = spawn('/bin/sh', ['-c', '"$0" "$@"; code=$?; times; exit $code', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  const summary = SUMMARY.exec(output);
  if (code !== 0 || summary === null) throw new Error(`rdkafka_performance: ${output.slice(-300)}`);
  const [delivered, failed, milliseconds] = summary.slice(1).map(Number);
  if (delivered !== count || failed > 0)
    throw new Error(`rdkafka_performance: ${delivered} of ${count} delivered`);
  return { seconds: milliseconds / 1000, cpuMicros: childMicros(output) };
}

/** User and system time of the children, which `times` prints in its last line: `0m1.230s 0m0.450s`. */
function childMicros(output) {
  const [last] = output.trim().split('\n').slice(-1);
  let seconds = 0;
  for (const [, minutes, rest] of last.matchAll(/(\d+)m([\d.]+)s/g))
    seconds += Number(minutes) * 60 + Number(rest);
  return seconds * 1e6;
}
