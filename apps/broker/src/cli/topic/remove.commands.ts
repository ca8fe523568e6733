import { Option, SubCommand } from 'nest-commander';
import { type BrokerOptions, BrokerCommand, confirm } from '../broker-command.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { type Output, printable } from '../output.js';
import { messagesIn } from './topic-output.js';

interface Options extends BrokerOptions {
  yes?: boolean;
}

/** A command that deletes messages. Without `--yes` it only says how many. */
abstract class RemovingCommand extends BrokerCommand<Options> {
  protected abstract readonly verb: string;
  protected abstract remove(client: BrokerClient, name: string): Promise<unknown>;

  @Option({
    flags: '-y, --yes',
    description: 'really delete; without it, the command only says what would be lost',
  })
  parseYes(): boolean {
    return true;
  }

  protected async work(
    client: BrokerClient,
    [name]: readonly string[],
    { json, yes }: Options,
    out: Output,
  ): Promise<number> {
    const messages = messagesIn(await client.topic(name!));
    confirm(yes, `${messages} message(s) of ${name} would be lost`);
    await this.remove(client, name!);
    const done = { topic: name, [this.verb]: true, messages };
    await out.line(
      json === true ? JSON.stringify(done) : `${printable(name!)}: ${this.verb}, ${messages} message(s)`,
    );
    return EXIT.ok;
  }
}

/** `genrocks topic delete`. */
@SubCommand({
  name: 'delete',
  arguments: '<topic>',
  description: 'Delete a topic with all its messages and group offsets',
})
export class TopicDeleteCommand extends RemovingCommand {
  protected readonly verb = 'deleted';

  protected remove(client: BrokerClient, name: string): Promise<unknown> {
    return client.deleteTopic(name);
  }
}

/** `genrocks topic truncate`. */
@SubCommand({
  name: 'truncate',
  arguments: '<topic>',
  description: 'Remove all messages of a topic; offsets continue where they were',
})
export class TopicTruncateCommand extends RemovingCommand {
  protected readonly verb = 'truncated';

  protected remove(client: BrokerClient, name: string): Promise<unknown> {
    return client.changeTopic(name, 'truncate');
  }
}
