import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BrokerClient } from './broker-client.js';
import type { Stage } from './stage.js';

const BIN = fileURLToPath(new URL('../bin/genrocks.js', import.meta.resolve('@genrocks/broker')));

/** A start takes a second or two; the rest is for a busy machine. */
const START_TIMEOUT_MS = 60_000;

/** A broker in a process of its own, as `npm start` runs it, on a free port. */
export class BrokerProcess {
  private child: ChildProcess | undefined;
  private running: PromiseWithResolvers<BrokerClient> = withResolvers();
  private starts = 0;

  /** @param env configuration, such as `GENROCKS_LOG_DIR`; see the broker's README for all variables */
  constructor(
    stage: Stage,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    stage.onEnd(() => this.kill());
  }

  /** A client of the running broker, or of the next one if none is running. */
  client(): Promise<BrokerClient> {
    return this.running.promise;
  }

  /** Resolves when the broker listens. */
  async start(): Promise<BrokerClient> {
    const child = spawn(process.execPath, [BIN, 'serve'], {
      env: {
        ...withoutGenRocks(process.env),
        GENROCKS_HTTP_PORT: '0',
        GENROCKS_KAFKA_PORT: '0',
        ...this.env,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    const url = await listeningUrl(child);
    const client = new BrokerClient(url, ++this.starts);
    this.running.resolve(client);
    return client;
  }

  /** Sends SIGTERM: the broker finishes requests in flight. */
  async stop(): Promise<void> {
    await this.signal('SIGTERM');
  }

  /** Sends SIGKILL (kill -9): the process ends immediately. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL');
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.running = withResolvers();
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}

function withoutGenRocks(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('GENROCKS_')));
}

async function listeningUrl(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  return new Promise((resolve, reject) => {
    // Read all lines: a full pipe would block the broker.
    lines.on('line', (line) => {
      const url = /listens on (http:\/\/[^\s,]+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the broker ended with code ${code} before it listened`)));
    const tooLong = () => reject(new Error(`the broker did not listen within ${START_TIMEOUT_MS / 1000} s`));
    setTimeout(tooLong, START_TIMEOUT_MS).unref();
  });
}
