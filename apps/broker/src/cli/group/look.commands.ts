import { Option, SubCommand } from 'nest-commander';
import { BrokerCommand, type BrokerOptions, wholeNumber } from '../broker-command.js';
import type { GroupSummaryJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { ListCommand } from '../list-command.js';
import type { Output } from '../output.js';
import { describeGroup, groupTable } from './group-output.js';

/** `genrocks group list`. */
@SubCommand({ name: 'list', description: 'List consumer groups; with --json one object per line' })
export class GroupListCommand extends ListCommand<GroupSummaryJson> {
  protected items(client: BrokerClient): Promise<GroupSummaryJson[]> {
    return client.groups();
  }

  protected table(groups: readonly GroupSummaryJson[]): string {
    return groupTable(groups);
  }
}

/** `genrocks group describe`. */
@SubCommand({
  name: 'describe',
  arguments: '<group>',
  description: 'Show a group: members, committed offsets, lag of every partition',
})
export class GroupDescribeCommand extends BrokerCommand {
  protected async work(
    client: BrokerClient,
    [group]: readonly string[],
    { json }: BrokerOptions,
    out: Output,
  ): Promise<number> {
    const description = await client.group(group!);
    await out.line(json === true ? JSON.stringify(description) : describeGroup(description));
    return EXIT.ok;
  }
}

interface LagOptions extends BrokerOptions {
  max?: number;
}

/** `genrocks group lag`. */
@SubCommand({
  name: 'lag',
  arguments: '<group>',
  description: 'Print how many messages a group has not handled yet',
})
export class GroupLagCommand extends BrokerCommand<LagOptions> {
  @Option({ flags: '--max <count>', description: 'exit with 4 if the lag is above this' })
  parseMax(text: string): number {
    return wholeNumber('--max', text);
  }

  protected async work(
    client: BrokerClient,
    [name]: readonly string[],
    { json, max = Infinity }: LagOptions,
    out: Output,
  ): Promise<number> {
    const { group, lag } = await client.group(name!);
    await out.line(json === true ? JSON.stringify({ group, lag }) : String(lag));
    return lag > max ? EXIT.above : EXIT.ok;
  }
}
