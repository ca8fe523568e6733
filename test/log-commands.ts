import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
export const ROOT = path('..');
export const BIN = path('../apps/broker/bin/genrocks.js');
export const BUILT = existsSync(path('../apps/broker/dist/cli/log/log.command.js'));
export const GOLDEN = path('../libs/storage-disklog/test-data/golden');

/** Every command is a process of its own; on a busy machine their starts add up. */
export const SLOW = 240_000;

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Waits for a process, and gives what it wrote. */
export function ended(child: ChildProcess): Promise<Ended> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString();
  return new Promise((resolve) =>
    child.on('close', (code) => resolve({ code, out: text(out), err: text(err) })),
  );
}

/** The keys that `log dump --json` gave. */
export function keysOf({ out }: Ended): string[] {
  const lines = out.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { key: string }).key);
}

/** A working directory, `genrocks log` in it, and all processes that were started there. */
export class LogCommands {
  private readonly children: ChildProcess[] = [];

  private constructor(readonly cwd: string) {}

  static async open(): Promise<LogCommands> {
    return new LogCommands(await mkdtemp(join(tmpdir(), 'genrocks-log-')));
  }

  log(...args: string[]): Promise<Ended> {
    return ended(this.start([BIN, 'log', ...args]));
  }

  start(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}): ChildProcess {
    const clean = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('GENROCKS_')),
    );
    const child = spawn(process.execPath, args, {
      cwd: options.cwd ?? this.cwd,
      env: { ...clean, ...options.env },
    });
    this.children.push(child);
    return child;
  }

  /** Starts a broker and waits until it listens. */
  serve(logDir: string, env: Record<string, string> = {}): Promise<{ child: ChildProcess; url: string }> {
    const child = this.start([BIN, 'serve'], {
      env: { GENROCKS_HTTP_PORT: '0', GENROCKS_KAFKA_ENABLED: 'false', GENROCKS_LOG_DIR: logDir, ...env },
    });
    let out = '';
    return new Promise((resolve, reject) => {
      child.stdout!.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        const url = /listens on (http:\/\/[\d.:]+)/.exec(out)?.[1];
        if (url !== undefined) resolve({ child, url });
      });
      child.on('close', () => reject(new Error(out)));
    });
  }

  async stop(child: ChildProcess): Promise<void> {
    const closed = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGTERM');
    await closed;
  }

  async close(): Promise<void> {
    for (const child of this.children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const closed = new Promise((resolve) => child.on('close', resolve));
      child.kill('SIGKILL');
      await closed;
    }
    await rm(this.cwd, { recursive: true, force: true });
  }
}

/** One for every test of the suite that calls this. */
export function useLogCommands(): () => LogCommands {
  let commands: LogCommands;
  beforeEach(async () => {
    commands = await LogCommands.open();
  });
  afterEach(() => commands.close());
  return () => commands;
}
