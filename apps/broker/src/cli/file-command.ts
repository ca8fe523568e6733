import { InvalidArgumentError } from '@genrocks/storage';
import { Option } from 'nest-commander';
import { BrokerCommand, type BrokerOptions } from './broker-command.js';

/** Options of a command that processes a file and can resume where it stopped. */
export interface FileOptions extends BrokerOptions {
  positionFile?: string;
  restart?: boolean;
  quiet?: boolean;
}

/** A command on a broker and a file; it records its position in the file. */
export abstract class FileCommand<O extends FileOptions> extends BrokerCommand<O> {
  @Option({
    flags: '--position-file <path>',
    description: 'where to record the position (default: beside the file)',
  })
  parsePositionFile(path: string): string {
    return path;
  }

  @Option({
    flags: '--restart',
    description: 'start from the beginning and ignore the recorded position',
  })
  parseRestart(): boolean {
    return true;
  }

  @Option({ flags: '-q, --quiet', description: 'show no progress' })
  parseQuiet(): boolean {
    return true;
  }

  /** @throws `INVALID_ARGUMENT` if one of these options is given; they have no effect without `needed` */
  protected assertLeftOut(options: O, names: readonly (keyof O & string)[], needed: string): void {
    const given = names.find((name) => options[name] !== undefined);
    if (given === undefined) return;
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InvalidArgumentError(`--${flag}: has no effect without ${needed}`);
  }
}
