import { SubCommand } from 'nest-commander';
import { type BrokerOptions, BrokerCommand } from '../broker-command.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import type { Output } from '../output.js';
import { topicTable } from './topic-output.js';

/** `genrocks topic list`. */
@SubCommand({ name: 'list', description: 'List topics; with --json one object a line' })
export class TopicListCommand extends BrokerCommand {
  protected async work(
    client: BrokerClient,
    _args: readonly string[],
    { json }: BrokerOptions,
    out: Output,
  ): Promise<number> {
    const topics = await client.topics();
    if (json === true) for (const topic of topics) await out.line(JSON.stringify(topic));
    else await out.line(topicTable(topics));
    return EXIT.ok;
  }
}
