// The broker as it is built, in a process of its own, for suites of clients.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../../apps/broker/bin/genrocks.js', import.meta.url));

/** See broker.d.mts. */
export async function startBroker(env = {}, given = undefined) {
  const directory = given ?? (await mkdtemp(join(tmpdir(), 'genrocks-suite-')));
  const child = spawn(process.execPath, [BIN, 'serve'], {
    cwd: directory,
    env: {
      ...process.env,
      GENROCKS_KAFKA_ENABLED: 'true',
      GENROCKS_KAFKA_PORT: '0',
      GENROCKS_HTTP_PORT: '0',
      GENROCKS_LOG_DIR: join(directory, 'log'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const { bootstrap, url } = await Promise.race([
    addressesIn(child.stdout),
    exit.then(([code]) => {
      throw new Error(`the broker ended with ${code} before it listened`);
    }),
  ]);
  return {
    bootstrap,
    url,
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      await exit;
      if (given === undefined) await rm(directory, { recursive: true, force: true });
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  };
}

/** Reads the broker's log to its end: for the addresses, and then for what it has to say about its health. */
function addressesIn(stdout) {
  return new Promise((resolve) => {
    let bootstrap;
    createInterface({ input: stdout }).on('line', (line) => {
      const { level, context, message } = JSON.parse(line);
      if (context === 'Kafka') bootstrap ??= /^listens on (.+)$/.exec(message)?.[1].replaceAll(', ', ',');
      // HTTP comes last: from here on everything is served.
      const url = context === 'Broker' && /listens on (http\S+),/.exec(message)?.[1];
      if (url) resolve({ bootstrap, url });
      if (level === 'error' || level === 'warn' || level === 'fatal') console.log(`broker: ${line}`);
    });
  });
}
