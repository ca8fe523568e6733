import { InvalidArgumentError } from '@genrocks/storage';
import { Option, SubCommand } from 'nest-commander';
import { parsePlace } from '../../http/place.js';
import { BrokerCommand, type BrokerOptions, wholeNumber } from '../broker-command.js';
import type { DeadLetterFilterJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import type { Output } from '../output.js';
import { deadLetterTable, redriveText } from './group-output.js';

interface FilterOptions extends BrokerOptions {
  topic?: string;
  key?: string;
  since?: number;
  until?: number;
  limit?: number;
}

/** Base of the commands on a group's dead letters. */
abstract class DeadLettersCommand<O extends object = object> extends BrokerCommand<O & FilterOptions> {
  @Option({ flags: '--topic <name>', description: 'only messages that came from this topic' })
  parseTopic(name: string): string {
    return name;
  }

  @Option({ flags: '--key <key>', description: 'only messages with this key' })
  parseKey(key: string): string {
    return key;
  }

  @Option({ flags: '--since <time>', description: 'only messages given up at this time or later' })
  parseSince(text: string): number {
    return time('--since', text);
  }

  @Option({ flags: '--until <time>', description: 'only messages given up before this time' })
  parseUntil(text: string): number {
    return time('--until', text);
  }

  @Option({ flags: '-n, --limit <count>', description: 'maximum number of messages' })
  parseLimit(text: string): number {
    return wholeNumber('--limit', text, 1);
  }
}

function filterOf(group: string, { topic, key, since, until, limit }: FilterOptions): DeadLetterFilterJson {
  return {
    group,
    ...(topic === undefined ? {} : { topic }),
    ...(key === undefined ? {} : { key }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function time(flag: string, text: string): number {
  const place = parsePlace(text);
  if (typeof place === 'object' && 'timestamp' in place) return place.timestamp;
  throw new InvalidArgumentError(
    `${flag}: ${JSON.stringify(text)} is not allowed; a time such as 2026-01-31T12:00:00Z`,
  );
}

/** `genrocks group dead-letters`. */
@SubCommand({
  name: 'dead-letters',
  arguments: '<group> <dead-letter-topic>',
  description:
    'Show the messages that a group gave up on, such as in orders.dlq; with --json one object per line',
})
export class GroupDeadLettersCommand extends DeadLettersCommand {
  protected async work(
    client: BrokerClient,
    [group, topic]: readonly string[],
    options: FilterOptions,
    out: Output,
  ): Promise<number> {
    const letters = await client.deadLetters(topic!, filterOf(group!, options));
    if (options.json === true) for (const letter of letters) await out.line(JSON.stringify(letter));
    else await out.line(deadLetterTable(letters));
    return EXIT.ok;
  }
}

interface RedriveOptions {
  to?: string;
  dryRun?: boolean;
}

/** `genrocks group redrive`. */
@SubCommand({
  name: 'redrive',
  arguments: '<group> <dead-letter-topic>',
  description: 'Put messages that a group gave up on back where they came from, each once',
})
export class GroupRedriveCommand extends DeadLettersCommand<RedriveOptions> {
  @Option({ flags: '--to <topic>', description: 'put the messages into this topic instead' })
  parseTo(name: string): string {
    return name;
  }

  @Option({ flags: '--dry-run', description: 'only count the messages' })
  parseDryRun(): boolean {
    return true;
  }

  protected async work(
    client: BrokerClient,
    [group, topic]: readonly string[],
    options: FilterOptions & RedriveOptions,
    out: Output,
  ): Promise<number> {
    const { to, dryRun = false } = options;
    const result = await client.redrive(topic!, {
      ...filterOf(group!, options),
      ...(to === undefined ? {} : { to }),
      dry_run: dryRun,
    });
    await out.line(options.json === true ? JSON.stringify(result) : redriveText(result));
    return EXIT.ok;
  }
}
