/**
 * Servers to compare with, started as children on free ports of 127.0.0.1 with directories of their own. Each answers
 * undefined where its server is not installed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const STARTUP_MS = 60_000;

/** Where a program is, looked up in PATH and the folders of servers. */
export function findProgram(name, places = []) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return [...places, ...folders.map((folder) => join(folder, name))].find((path) => existsSync(path));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Starts a program and waits until all its ports accept. It leads a process group, which ends as one. */
async function start(program, args, ports, options = {}) {
  const child = spawn(program, args, { stdio: 'ignore', detached: true, ...options });
  const exited = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM');
    const hard = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 10_000);
    await exited;
    clearTimeout(hard);
  };
  const kill = () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  process.once('exit', kill);
  const end = performance.now() + STARTUP_MS;
  for (const port of ports) {
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}`);
      if (performance.now() > end) throw new Error(`${program} does not listen`);
      await pause(50);
    }
  }
  return { stop, pid: child.pid };
}

/** @param fsync `always` or `everysec` */
export async function startRedis(directory, fsync) {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const version = /v=([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1];
  const settings = ['--save', '', '--appendonly', 'yes', '--appendfsync', fsync];
  const listen = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  const server = await start(program, [...listen, ...settings], [port]);
  return {
    ...server,
    port,
    version,
    settings: `appendonly yes, appendfsync ${fsync}`,
    durable: fsync === 'always',
  };
}

export async function startNats(directory) {
  const program = findProgram('nats-server');
  if (program === undefined) return undefined;
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const version = /v([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? '0';
  const [major, minor] = version.split('.').map(Number);
  const syncs = major > 2 || (major === 2 && minor >= 10);
  const file = join(directory, 'nats.conf');
  const sync = syncs ? 'sync_interval: always' : '';
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${directory}", max_file: 20G, ${sync} }\n`,
  );
  const server = await start(program, ['-c', file], [port]);
  const settings = syncs
    ? 'file storage, sync_interval always'
    : 'file storage, acknowledged before any sync (this version cannot)';
  return { ...server, port, version, settings, durable: syncs };
}

export async function startRabbit(directory) {
  const program = findProgram('rabbitmq-server', ['/usr/lib/rabbitmq/bin/rabbitmq-server']);
  const epmd = findProgram('epmd');
  if (program === undefined || epmd === undefined) return undefined;
  mkdirSync(directory, { recursive: true });
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(
    join(directory, 'rabbitmq.conf'),
    [`listeners.tcp.1 = 127.0.0.1:${port}`, 'disk_free_limit.absolute = 1MB', ''].join('\n'),
  );
  writeFileSync(join(directory, 'plugins'), '[].\n');
  const environment = {
    PATH: process.env.PATH,
    HOME: directory,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  };
  // Started here, or the node would start one that outlives it.
  const names = await start(epmd, ['-port', String(epmdPort)], [epmdPort], { env: environment });
  const server = await start(program, [], [port], {
    env: {
      ...environment,
      RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
      RABBITMQ_DIST_PORT: String(distributionPort),
      RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'plugins'),
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_PID_FILE: join(directory, 'pid'),
    },
  });
  const stop = async () => {
    await server.stop();
    await names.stop();
  };
  return { ...server, stop, port, version: await rabbitVersion(port) };
}

/** RabbitMQ says its version in the first frame of a connection. */
async function rabbitVersion(port) {
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]));
  const [frame] = await once(socket, 'data');
  socket.destroy();
  return /version\S{5}([\d.]+)/s.exec(frame.toString('latin1'))?.[1] ?? 'unknown';
}
