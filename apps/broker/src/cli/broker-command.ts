import { InvalidArgumentError } from '@genrocks/storage';
import { Inject } from '@nestjs/common';
import { CommandRunner, Option } from 'nest-commander';
import { BrokerClient } from './client/broker-client.js';
import { Output, run } from './output.js';
import { Terminal } from './terminal.js';

/** Options of every command that works on topics and groups. */
export interface BrokerOptions {
  url?: string;
  token?: string;
  logDir?: string;
  config?: string;
  json?: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:3000';

/** A command on a running broker (`--url`), or directly on its directory while it is stopped (`--log-dir`). */
export abstract class BrokerCommand<O extends object = object> extends CommandRunner {
  constructor(@Inject(Terminal) protected readonly terminal: Terminal) {
    super();
  }

  /** May `--log-dir` name a directory that does not exist? */
  protected readonly mayCreateLogDir: boolean = false;

  /** @returns the exit code */
  protected abstract work(
    client: BrokerClient,
    args: readonly string[],
    options: O & BrokerOptions,
    out: Output,
  ): Promise<number>;

  @Option({
    flags: '--url <address>',
    description: `the broker (default: GENROCKS_URL, or ${DEFAULT_URL})`,
  })
  parseUrl(url: string): string {
    return url;
  }

  @Option({
    flags: '--token <token>',
    description: 'bearer token for a proxy in front of the broker (default: GENROCKS_TOKEN)',
  })
  parseToken(token: string): string {
    return token;
  }

  @Option({
    flags: '--log-dir <dir>',
    description: 'work on this directory instead of --url, while no broker has it open',
  })
  parseLogDir(directory: string): string {
    return directory;
  }

  @Option({
    flags: '--config <file>',
    description: 'with --log-dir: the configuration of the broker (default: as for "genrocks serve")',
  })
  parseConfig(file: string): string {
    return file;
  }

  @Option({ flags: '--json', description: 'JSON for scripts' })
  parseJson(): boolean {
    return true;
  }

  override async run(args: string[], options: O & BrokerOptions): Promise<void> {
    const { terminal } = this;
    await run(
      async (out) => {
        const client = await this.connect(options);
        try {
          return await this.work(client, args, options, out);
        } finally {
          await client.close();
        }
      },
      { terminal, json: options.json === true },
    );
  }

  private async connect({ url, token, logDir, config }: BrokerOptions): Promise<BrokerClient> {
    const { env } = this.terminal;
    if (logDir === undefined) {
      if (config !== undefined)
        throw new InvalidArgumentError(
          '--config needs --log-dir; a running broker has its own configuration',
        );
      const { HttpTransport } = await import('./client/http-transport.js');
      const address = url ?? env['GENROCKS_URL'] ?? DEFAULT_URL;
      return new BrokerClient(new HttpTransport(address, token ?? env['GENROCKS_TOKEN']));
    }
    if (url !== undefined) throw new InvalidArgumentError('give either --url or --log-dir, not both');
    // This loads the whole broker, which a command that only talks to one does not need.
    const { DirectoryTransport } = await import('./client/directory-transport.js');
    const mayCreate = this.mayCreateLogDir;
    return new BrokerClient(await DirectoryTransport.open(logDir, { config, env, mayCreate }));
  }
}

/** @throws `INVALID_ARGUMENT` unless `--yes` was given */
export function confirm(yes: boolean | undefined, what: string): void {
  if (yes !== true) throw new InvalidArgumentError(`${what}; add --yes if that is what you want`);
}

/** Parses a whole number. @throws `INVALID_ARGUMENT` for anything else, or below `min` */
export function wholeNumber(flag: string, text: string, min = 0): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min) return value;
  throw new InvalidArgumentError(
    `${flag}: ${JSON.stringify(text)} is not allowed; a whole number from ${min}`,
  );
}
