import { type DynamicModule, Inject, Module, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { InvalidArgumentError } from '@genrocks/storage';
import { InjectCommander } from 'nest-commander';
import { helpAfter } from './help.js';
import { describeError } from './output.js';
import { Terminal } from './terminal.js';

/** The part of commander's `Command` used here; commander is a dependency of nest-commander, not of ours. */
interface Program {
  readonly commands: readonly Program[];
  name(): string;
  name(name: string): this;
  description(text: string): this;
  addHelpText(position: 'after', text: string): this;
  showHelpAfterError(show: boolean): this;
  allowExcessArguments(allow: boolean): this;
  configureOutput(configuration: { outputError(text: string, write: (text: string) => void): void }): this;
}

const AS_JSON = Symbol('GENROCKS_ERRORS_AS_JSON');

/**
 * The commands of `genrocks`, each with its sub-commands. Only the command to be run is loaded: commands on directories
 * load the storage engine, which commands on a broker do not need.
 */
const COMMANDS: Readonly<Record<string, () => Promise<readonly Type[]>>> = {
  serve: async () => [(await import('./serve.command.js')).ServeCommand],
  topic: async () => (await import('./topic/topic.command.js')).TOPIC_COMMANDS,
  publish: async () => [(await import('./publish/publish.command.js')).PublishCommand],
  consume: async () => [(await import('./consume/consume.command.js')).ConsumeCommand],
  group: async () => (await import('./group/group.command.js')).GROUP_COMMANDS,
  log: async () => (await import('./log/log.command.js')).LOG_COMMANDS,
  bench: async () => [(await import('./bench/bench.command.js')).BenchCommand],
  scram: async () => [(await import('./scram.command.js')).ScramCommand],
};

/** `genrocks` with the command that the arguments name, or with all commands. */
@Module({})
export class RootModule implements OnApplicationBootstrap {
  /** @param args arguments of the command line, after the program's name */
  static async on(terminal: Terminal, args: readonly string[]): Promise<DynamicModule> {
    const name = args[0] ?? '';
    const isCommand = Object.hasOwn(COMMANDS, name);
    const wanted = isCommand ? [name] : name === '--version' ? [] : Object.keys(COMMANDS);
    const commands = await Promise.all(wanted.map((one) => COMMANDS[one]!()));
    return {
      module: RootModule,
      providers: [
        { provide: Terminal, useValue: terminal },
        { provide: AS_JSON, useValue: args.includes('--json') },
        ...commands.flat(),
      ],
    };
  }

  constructor(
    @InjectCommander() private readonly program: Program,
    @Inject(AS_JSON) private readonly asJson: boolean,
  ) {
    program
      .name('genrocks')
      .description('A durable message log: topics, partitions and consumer groups')
      .showHelpAfterError(!asJson);
  }

  /** Configures the commands; they are all registered by now. */
  onApplicationBootstrap(): void {
    this.configure(this.program, '');
  }

  /** @param path path of the command, after `genrocks` */
  private configure(command: Program, path: string): void {
    command.addHelpText('after', helpAfter(path));
    // A command with sub-commands reports an unknown one itself.
    if (command.commands.length === 0) command.allowExcessArguments(false);
    if (this.asJson) command.configureOutput({ outputError });
    for (const one of command.commands) this.configure(one, `${path} ${one.name()}`.trim());
  }
}

/** Prints a complaint of the argument parser in the form of all other errors. */
function outputError(text: string, write: (text: string) => void): void {
  const error = new InvalidArgumentError(text.replace(/^error: /, '').trim());
  write(`${describeError(error, true)}\n`);
}
