import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Cell, closedLoop, type Sample } from './measure.js';

export const SECTION = 'HTTP, disk_log always';

const BIN = fileURLToPath(new URL('../bin/genrocks.js', import.meta.resolve('@genrocks/broker')));

interface Way {
  readonly name: string;
  readonly publishers: number;
  /** Messages in one request. */
  readonly messages: number;
  readonly type: string;
  body(message: string, messages: number): string;
}

const JSON_TYPE = 'application/json';

const WAYS: readonly Way[] = [
  { name: 'single', publishers: 1, messages: 1, type: JSON_TYPE, body: (message) => message },
  { name: 'single', publishers: 64, messages: 1, type: JSON_TYPE, body: (message) => message },
  {
    name: 'array of 100',
    publishers: 8,
    messages: 100,
    type: JSON_TYPE,
    body: (message, count) => `{"messages":[${Array<string>(count).fill(message).join(',')}]}`,
  },
  {
    name: 'NDJSON of 1,000',
    publishers: 8,
    messages: 1000,
    type: 'application/x-ndjson',
    body: (message, count) => `${message}\n`.repeat(count),
  },
];

/** Publishing through the broker in a process of its own; the client shares the machine with it. */
export async function httpCells(directory: string): Promise<{ cells: Cell[]; stop: () => Promise<void> }> {
  const broker = spawn(process.execPath, [BIN, 'serve'], {
    env: {
      ...process.env,
      GENROCKS_HTTP_PORT: '0',
      GENROCKS_KAFKA_ENABLED: 'false',
      GENROCKS_LOG_DIR: directory,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await listeningUrl(broker);
  const agent = new Agent({ keepAlive: true });
  const cells = [100, 1024].flatMap((bytes) => WAYS.map((way) => toCell(url, agent, way, bytes)));
  const stop = async () => {
    agent.destroy();
    const exit = once(broker, 'exit');
    broker.kill('SIGTERM');
    await exit;
  };
  return { cells, stop };
}

function toCell(url: string, agent: Agent, way: Way, bytes: number): Cell {
  const message = JSON.stringify({ value: 'x'.repeat(bytes - 2) });
  const body = Buffer.from(way.body(message, way.messages));
  const run = (ms: number): Promise<Sample> =>
    closedLoop(way.publishers, ms, way.messages, () =>
      post(`${url}/v1/topics/bytes-${bytes}/messages`, agent, way.type, body),
    );
  return { section: SECTION, name: way.name, publishers: way.publishers, bytes, run };
}

function post(url: string, agent: Agent, type: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const call = request(url, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 201 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    call.once('error', reject);
    call.end(body);
  });
}

function listeningUrl(broker: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: broker.stdout! }).on('line', (line) => {
      const url = /listens on (http:\/\/[^\s,]+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
    broker.once('exit', (code) => reject(new Error(`the broker ended with code ${code}`)));
  });
}
