import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { CommandFactory, type CommandRunner, CommandRunnerService, InjectCommander } from 'nest-commander';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createBroker, listen } from '../../broker.js';
import { checkBrokerConfig } from '../../config/broker-config.js';
import { describeError } from '../output.js';
import { RootModule } from '../root.module.js';
import { Terminal } from '../terminal.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  readonly stdin?: string | Readable;
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal;
}

type Command = CommandRunner['command'];

@Module({})
class Parser {
  constructor(@InjectCommander() readonly command: Command) {}
}

/** Throws on invalid arguments. The parser would otherwise exit the process, which vitest shares with other tests. */
function throwErrors(command: Command): void {
  command.exitOverride((error) => {
    throw error;
  });
  command.commands.forEach(throwErrors);
}

/** Runs `genrocks` with these arguments inside the test, parser included. */
export async function genrocks(args: readonly string[], around: Around = {}): Promise<Ran> {
  const { stdin = '', env = {}, signal = new AbortController().signal } = around;
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const out = textOf(stdout);
  const err = textOf(stderr);
  const input = typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin;
  const terminal = new Terminal(input, stdout, stderr, env, false, () => signal);
  let code: number | undefined;
  const module = { module: Parser, imports: [await RootModule.on(terminal, args)] };
  const app = await CommandFactory.createWithoutRunning(module, {
    logger: false,
    serviceErrorHandler: (error) => {
      code = 1;
      stderr.write(`${describeError(error, args.includes('--json'))}\n`);
    },
    outputConfiguration: { writeErr: (text) => stderr.write(text), writeOut: (text) => stdout.write(text) },
  });
  throwErrors(app.get(Parser).command);
  try {
    await app.get(CommandRunnerService).run(['node', 'genrocks', ...args]);
  } catch (error) {
    code = (error as { exitCode?: number }).exitCode ?? 1;
    stderr.write(`${(error as Error).message}\n`);
  } finally {
    await app.close();
  }
  stdout.end();
  stderr.end();
  return { code: code ?? terminal.exitCode, out: await out, err: await err };
}

async function textOf(stream: PassThrough): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += (chunk as Buffer).toString();
  return text;
}

/** An in-memory broker and a directory for files; pass `url` as `--url`. */
export class CliBench {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly url: string,
    readonly directory: string,
  ) {}

  static async start(options: Record<string, unknown> = {}): Promise<CliBench> {
    const directory = await mkdtemp(join(tmpdir(), 'genrocks-cli-'));
    const config = checkBrokerConfig({
      storage: { adapter: 'ets', ets: { allow_in_production: true } },
      http: { port: 0 },
      kafka: { port: 0 },
      ...options,
    });
    const app = await createBroker(config, { logger: false });
    return new CliBench(app, await listen(app, config), directory);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  run(args: readonly string[], around: Around = {}): Promise<Ran> {
    return genrocks(args, { ...around, env: { GENROCKS_URL: this.url, ...around.env } });
  }

  async close(): Promise<void> {
    await this.app.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
