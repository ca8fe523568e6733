import { CommandFactory, type CommandRunner, InjectCommander } from 'nest-commander';
import { Module } from '@nestjs/common';
import { PassThrough, Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { genrocks } from './__fixtures__/cli.js';
import { EXAMPLES } from './help.js';
import { RootModule } from './root.module.js';
import { Terminal } from './terminal.js';

type Command = CommandRunner['command'];

@Module({})
class Parser {
  constructor(@InjectCommander() readonly command: Command) {}
}

/** Every command, by its name behind `genrocks`. */
function all(command: Command, path: string): [string, Command][] {
  const below = command.commands.filter((one) => one.name() !== 'help');
  return [
    [path, command],
    ...below.flatMap((one) => all(one, path === '' ? one.name() : `${path} ${one.name()}`)),
  ];
}

describe('--help', () => {
  let commands: Map<string, Command>;
  beforeAll(async () => {
    const streams = [new PassThrough(), new PassThrough()] as const;
    const terminal = new Terminal(
      Readable.from([]),
      ...streams,
      {},
      false,
      () => new AbortController().signal,
    );
    const app = await CommandFactory.createWithoutRunning(
      { module: Parser, imports: [await RootModule.on(terminal, [])] },
      { logger: false },
    );
    commands = new Map(all(app.get(Parser).command, ''));
    await app.close();
  });

  it('has examples of every command, and of no other', () => {
    expect(Object.keys(EXAMPLES).toSorted()).toEqual([...commands.keys()].toSorted());
  });

  it('has examples with options and arguments that the commands have', () => {
    for (const [path, examples] of Object.entries(EXAMPLES)) {
      expect(
        examples.some((one) => one.includes(`genrocks ${path}`.trim())),
        path,
      ).toBe(true);
      for (const part of examples.flatMap((one) => one.split(' | '))) {
        const words = /genrocks (.*)/.exec(part)?.[1]?.match(/'[^']*'|\S+/g) ?? [];
        if (words.length === 0) continue;
        const named = commands.has(words.slice(0, 2).join(' ')) ? 2 : 1;
        const command = commands.get(words.slice(0, named).join(' '));
        expect(command, part).toBeDefined();
        const given = words.slice(named).filter((word) => word.startsWith('-') && word !== '-');
        const known = ['--help', ...command!.options.flatMap(({ long, short }) => [long, short])];
        for (const option of given) expect(known, part).toContain(option);
      }
    }
  });

  it('ends with examples and exit codes', async () => {
    const { out } = await genrocks(['topic', 'create', '--help']);
    expect(out).toMatch(/\nExamples:\n {2}genrocks topic create orders --partitions 4\n/);
    expect(out).toMatch(/\nExit codes:\n {2}0 done/);
    expect((await genrocks(['--help'])).out).toContain('Examples:\n  genrocks serve');
  });
});
