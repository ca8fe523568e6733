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
  const bootstrap = await Promise.race([
    addressIn(child.stdout),
    exit.then(([code]) => {
      throw new Error(`the broker ended with ${code} before it listened`);
    }),
  ]);
  return {
    bootstrap,
    port: Number(bootstrap.split(':').at(-1)),
    async stop() {
      child.kill('SIGTERM');
      await exit;
      if (given === undefined) await rm(directory, { recursive: true, force: true });
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Reads the broker's log to its end: for the address, and then for what it has to say about its health. */
function addressIn(stdout) {
  return new Promise((resolve) => {
    createInterface({ input: stdout }).on('line', (line) => {
      const { level, context, message } = JSON.parse(line);
      const address = context === 'Kafka' && /^listens on (\S+)$/.exec(message)?.[1];
      if (address) resolve(address);
      if (level === 'error' || level === 'warn' || level === 'fatal') console.log(`broker: ${line}`);
    });
  });
}
