import { BrokerCommand, type BrokerOptions } from './broker-command.js';
import type { BrokerClient } from './client/broker-client.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';

/** A command that lists objects of a broker: as a table, or with `--json` one object per line. */
export abstract class ListCommand<T> extends BrokerCommand {
  protected abstract items(client: BrokerClient): Promise<readonly T[]>;

  protected abstract table(items: readonly T[]): string;

  protected async work(
    client: BrokerClient,
    _args: readonly string[],
    { json }: BrokerOptions,
    out: Output,
  ): Promise<number> {
    const items = await this.items(client);
    if (json === true) for (const item of items) await out.line(JSON.stringify(item));
    else await out.line(this.table(items));
    return EXIT.ok;
  }
}
