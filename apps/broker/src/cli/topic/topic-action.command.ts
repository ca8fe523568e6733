import { type BrokerOptions, BrokerCommand } from '../broker-command.js';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { type Output, printable } from '../output.js';

/** A command that changes a topic and shows the result. */
export abstract class TopicActionCommand<O extends object = object> extends BrokerCommand<O> {
  protected abstract change(
    client: BrokerClient,
    args: readonly string[],
    options: O & BrokerOptions,
  ): Promise<TopicJson>;

  protected async work(
    client: BrokerClient,
    args: readonly string[],
    options: O & BrokerOptions,
    out: Output,
  ): Promise<number> {
    const topic = await this.change(client, args, options);
    const { name, state, partition_count: partitions, adapter } = topic;
    const text =
      options.json === true
        ? JSON.stringify(topic)
        : `${printable(name)}: ${state}, ${partitions} partition(s) on ${adapter}`;
    await out.line(text);
    return EXIT.ok;
  }
}
