import { Module } from '@nestjs/common';
import { InjectCommander } from 'nest-commander';
import { LOG_COMMANDS } from './log/log.command.js';
import { ServeCommand } from './serve.command.js';

/** The part of commander's `Command` that is used here; the package itself belongs to nest-commander. */
interface Program {
  name(name: string): this;
  description(text: string): this;
  showHelpAfterError(): this;
}

/** The commands of `genrocks`, one file each. */
@Module({ providers: [ServeCommand, ...LOG_COMMANDS] })
export class RootModule {
  constructor(@InjectCommander() program: Program) {
    program
      .name('genrocks')
      .description('A durable message log: topics, partitions and consumer groups')
      .showHelpAfterError();
  }
}
