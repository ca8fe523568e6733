import { SubCommand } from 'nest-commander';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { wholeNumber } from '../broker-command.js';
import { TopicActionCommand } from './topic-action.command.js';

/** `genrocks topic stop`. */
@SubCommand({
  name: 'stop',
  arguments: '<topic>',
  description: 'Close a topic and keep its messages; it stays stopped after a restart',
})
export class TopicStopCommand extends TopicActionCommand {
  protected change(client: BrokerClient, [name]: readonly string[]): Promise<TopicJson> {
    return client.changeTopic(name!, 'stop');
  }
}

/** `genrocks topic start`. */
@SubCommand({ name: 'start', arguments: '<topic>', description: 'Open a topic that was stopped' })
export class TopicStartCommand extends TopicActionCommand {
  protected change(client: BrokerClient, [name]: readonly string[]): Promise<TopicJson> {
    return client.changeTopic(name!, 'start');
  }
}

/** `genrocks topic add-partitions`. */
@SubCommand({
  name: 'add-partitions',
  arguments: '<topic> <total>',
  description: 'Add partitions up to this total; from then on, keys may go to other partitions',
})
export class TopicAddPartitionsCommand extends TopicActionCommand {
  protected change(client: BrokerClient, [name, total]: readonly string[]): Promise<TopicJson> {
    return client.addPartitions(name!, wholeNumber('<total>', total!, 1));
  }
}
