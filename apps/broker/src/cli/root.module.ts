import { type DynamicModule, Module } from '@nestjs/common';
import { InjectCommander } from 'nest-commander';
import { ConsumeCommand } from './consume/consume.command.js';
import { GROUP_COMMANDS } from './group/group.command.js';
import { LOG_COMMANDS } from './log/log.command.js';
import { PublishCommand } from './publish/publish.command.js';
import { ScramCommand } from './scram.command.js';
import { ServeCommand } from './serve.command.js';
import { Terminal } from './terminal.js';
import { TOPIC_COMMANDS } from './topic/topic.command.js';

/** The part of commander's `Command` that is used here; the package itself belongs to nest-commander. */
interface Program {
  name(name: string): this;
  description(text: string): this;
  showHelpAfterError(): this;
}

/** The commands of `genrocks`, one file each. */
@Module({
  providers: [
    ServeCommand,
    ...TOPIC_COMMANDS,
    PublishCommand,
    ConsumeCommand,
    ...GROUP_COMMANDS,
    ...LOG_COMMANDS,
    ScramCommand,
  ],
})
export class RootModule {
  /** The commands on a terminal. */
  static on(terminal: Terminal): DynamicModule {
    return {
      module: RootModule,
      providers: [{ provide: Terminal, useValue: terminal }],
    };
  }

  constructor(@InjectCommander() program: Program) {
    program
      .name('genrocks')
      .description('A durable message log: topics, partitions and consumer groups')
      .showHelpAfterError();
  }
}
