import { SubCommand } from 'nest-commander';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { ListCommand } from '../list-command.js';
import { topicTable } from './topic-output.js';

/** `genrocks topic list`. */
@SubCommand({ name: 'list', description: 'List topics; with --json one object per line' })
export class TopicListCommand extends ListCommand<TopicJson> {
  protected items(client: BrokerClient): Promise<TopicJson[]> {
    return client.topics();
  }

  protected table(topics: readonly TopicJson[]): string {
    return topicTable(topics);
  }
}
