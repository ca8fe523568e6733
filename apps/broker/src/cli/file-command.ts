import { InvalidArgumentError } from '@genrocks/storage';
import { Option } from 'nest-commander';
import { BrokerCommand, type BrokerOptions } from './broker-command.js';

/** Options of a command that goes through a file, and goes on where it stopped. */
export interface FileOptions extends BrokerOptions {
  positionFile?: string;
  restart?: boolean;
  quiet?: boolean;
}

/** A command on a broker and a file, of which it notes how far it is. */
export abstract class FileCommand<O extends FileOptions> extends BrokerCommand<O> {
  @Option({
    flags: '--position-file <path>',
    description: 'where to note how far it is (default: beside the file)',
  })
  parsePositionFile(path: string): string {
    return path;
  }

  @Option({
    flags: '--restart',
    description: 'begin anew, whatever the file holds or was published of it before',
  })
  parseRestart(): boolean {
    return true;
  }

  @Option({ flags: '-q, --quiet', description: 'no progress' })
  parseQuiet(): boolean {
    return true;
  }

  /** @throws `INVALID_ARGUMENT` where one of these options is given, which mean nothing without another */
  protected assertLeftOut(options: O, names: readonly (keyof O & string)[], needed: string): void {
    const given = names.find((name) => options[name] !== undefined);
    if (given === undefined) return;
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InvalidArgumentError(`--${flag}: means nothing without ${needed}`);
  }
}
