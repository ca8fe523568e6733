import { SubCommand } from 'nest-commander';
import { type BrokerOptions, BrokerCommand } from '../broker-command.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import type { Output } from '../output.js';
import { describeTopic } from './topic-output.js';

/** `genrocks topic describe`. */
@SubCommand({
  name: 'describe',
  arguments: '<topic>',
  description: 'Show a topic with its settings, partitions, offsets and sizes',
})
export class TopicDescribeCommand extends BrokerCommand {
  protected async work(
    client: BrokerClient,
    [name]: readonly string[],
    { json }: BrokerOptions,
    out: Output,
  ): Promise<number> {
    const topic = await client.topic(name!);
    await out.line(json === true ? JSON.stringify(topic) : describeTopic(topic));
    return EXIT.ok;
  }
}
