/** The standalone broker as a child, and clients of it that are programs of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findProgram } from './servers.mjs';

const BIN = fileURLToPath(new URL('../bin/genrocks.js', import.meta.resolve('@genrocks/broker')));
const TICKS_A_SECOND = 100;

/** Starts `genrocks serve` with the disk log, `sync: always`, and room for all that is measured. */
export async function startBroker(directory) {
  const child = spawn(process.execPath, [BIN, 'serve'], {
    env: {
      ...process.env,
      GENROCKS_HTTP_PORT: '0',
      GENROCKS_KAFKA_PORT: '0',
      GENROCKS_LOG_DIR: directory,
      GENROCKS_SYNC: 'always',
      GENROCKS_MAX_NO_BYTES: '256MB',
      GENROCKS_MAX_NO_FILES: '100',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  process.once('exit', () => child.kill('SIGKILL'));
  const { http, kafka } = await addresses(child);
  let topics = 0;
  return {
    bootstrap: kafka,
    /** Runs with a topic of its own, which is deleted afterwards. */
    async withTopic(partitions, run) {
      const name = `bench-${topics++}`;
      await request(`${http}/v1/topics`, 'POST', { name, partitions });
      try {
        return await run(name);
      } finally {
        await request(`${http}/v1/topics/${name}`, 'DELETE');
      }
    },
    /** What storage has written so far. */
    async written() {
      const text = await (await fetch(`${http}/metrics`)).text();
      const sum = (name) =>
        [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'gm'))].reduce(
          (total, [, value]) => total + Number(value),
          0,
        );
      return {
        bytes: sum('genrocks_bytes_published_total'),
        syncs: sum('genrocks_storage_write_duration_seconds_count'),
      };
    },
    cpuMicros: () => cpuMicros(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function request(url, method, body) {
  const options = { method, headers: { 'content-type': 'application/json' } };
  const response = await fetch(
    url,
    body === undefined ? { method } : { ...options, body: JSON.stringify(body) },
  );
  if (!response.ok) throw new Error(`${method} ${url}: ${await response.text()}`);
}

function addresses(child) {
  const found = {};
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const at = /listens on (http:\/\/)?([^\s,"]+)/.exec(line);
      if (at === null) return;
      if (at[1] === undefined) found.kafka = at[2];
      else found.http = at[1] + at[2];
      if (found.http !== undefined && found.kafka !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`the broker ended with code ${code}`)));
  });
}

/** Processor time of a process so far, where the system tells. */
function cpuMicros(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return ((Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND) * 1e6;
  } catch {
    return 0;
  }
}

/** A file of messages, a line each, for kcat to send. */
export function messageFile(path, count, bytes) {
  const line = Buffer.alloc(bytes + 1, 'x');
  line[bytes] = 0x0a;
  const chunk = Buffer.concat(Array(1000).fill(line));
  const file = openSync(path, 'w');
  for (let left = count; left > 0; left -= 1000)
    writeSync(file, chunk, 0, Math.min(left, 1000) * line.length);
  closeSync(file);
  return path;
}

/** kcat, which is librdkafka with a command line; undefined where it is not installed. */
export function kcat() {
  const program = findProgram('kcat') ?? findProgram('kafkacat');
  if (program === undefined) return undefined;
  const run = async (args) => {
    const began = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (text) => (errors += text));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`kcat: ${errors.slice(0, 300)}`);
    return (performance.now() - began) / 1000;
  };
  return {
    /** Sends a file with librdkafka's own batching, `acks=all`; answers the seconds from start to exit. */
    produce: (bootstrap, topic, file) =>
      run(['-P', '-b', bootstrap, '-t', topic, '-X', 'acks=all', '-l', file]),
    /** The same into librdkafka's own mock of a broker, in the client's process: what this client reaches at most. */
    produceToMock: (file) =>
      run([
        '-P',
        '-b',
        '127.0.0.1:1',
        '-t',
        'mock',
        '-X',
        'test.mock.num.brokers=1',
        '-X',
        'acks=all',
        '-l',
        file,
      ]),
    /** Ends with the last message: with `-e` it would wait out a long poll at the end of the log, half a second. */
    consume: (bootstrap, topic, count) =>
      run(['-C', '-b', bootstrap, '-t', topic, '-o', 'beginning', '-c', String(count), '-q']),
  };
}
