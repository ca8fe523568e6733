import { CommandRunner } from 'nest-commander';

/** A command that only groups sub-commands. */
export abstract class CommandGroup extends CommandRunner {
  override run([name]: string[]): Promise<void> {
    if (name === undefined) this.command.help({ error: true });
    const { command } = this;
    return command.error(`error: unknown command '${name}'; see "genrocks ${command.name()} --help"`);
  }
}
