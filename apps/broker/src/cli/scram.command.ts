import { createInterface } from 'node:readline';
import { InvalidArgumentError } from '@genrocks/storage';
import { Inject } from '@nestjs/common';
import { scramCredential, type ScramHash } from '@genrocks/kafka/config';
import { Command, CommandRunner, Option } from 'nest-commander';
import { EXIT } from './exit-codes.js';
import { run } from './output.js';
import { Terminal } from './terminal.js';

interface ScramOptions {
  mechanism?: ScramHash;
  iterations?: number;
}

const HASHES: Readonly<Record<string, ScramHash>> = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' };
const ITERATIONS = { least: 4_096, most: 1_000_000 };

/** `genrocks scram`: makes the credential that replaces a user's password in the configuration. */
@Command({
  name: 'scram',
  description:
    'Read a password from standard input and print a credential for kafka.users that does not reveal it',
})
export class ScramCommand extends CommandRunner {
  constructor(@Inject(Terminal) private readonly terminal: Terminal) {
    super();
  }

  @Option({ flags: '-m, --mechanism <name>', description: 'SCRAM-SHA-256 or SCRAM-SHA-512 (default)' })
  parseMechanism(name: string): ScramHash {
    const hash = HASHES[name.toUpperCase()];
    if (hash === undefined) this.command.error(`error: --mechanism ${name}: SCRAM-SHA-256 or SCRAM-SHA-512`);
    return hash;
  }

  @Option({
    flags: '-i, --iterations <number>',
    description: '4,096 (default) to 1,000,000: the cost of each guess',
  })
  parseIterations(text: string): number {
    const iterations = Number(text);
    const { least, most } = ITERATIONS;
    if (!Number.isInteger(iterations) || iterations < least || iterations > most) {
      this.command.error(`error: --iterations ${text}: a whole number from ${least} to ${most}`);
    }
    return iterations;
  }

  override async run(_arguments: string[], { mechanism, iterations }: ScramOptions): Promise<void> {
    const { terminal } = this;
    await run(
      async (out) => {
        if (terminal.isWatched)
          terminal.note('type the password, then Enter (it is visible; prefer a pipe):');
        const password = await firstLine(terminal.stdin);
        if (password === '') throw new InvalidArgumentError('no password on standard input');
        await out.line(await scramCredential(password, { hash: mechanism, iterations }));
        return EXIT.ok;
      },
      { terminal },
    );
  }
}

async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input, crlfDelay: Infinity });
  for await (const line of lines) {
    lines.close();
    return line;
  }
  return '';
}
