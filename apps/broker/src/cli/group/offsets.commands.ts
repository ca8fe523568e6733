import { InvalidArgumentError } from '@genrocks/storage';
import { Option, SubCommand } from 'nest-commander';
import { BrokerCommand, type BrokerOptions, confirm, wholeNumber } from '../broker-command.js';
import type { OffsetJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { EXIT } from '../exit-codes.js';
import { type Output, printable } from '../output.js';
import { describeGroup, offsetTable } from './group-output.js';

interface ResetOptions extends BrokerOptions {
  to: string;
  topic?: string[];
  partition?: number;
  dryRun?: boolean;
}

/** `genrocks group reset`. */
@SubCommand({
  name: 'reset',
  arguments: '<group>',
  description: 'Move the committed offsets of a group without members',
})
export class GroupResetCommand extends BrokerCommand<ResetOptions> {
  @Option({
    flags: '--to <place>',
    required: true,
    description: 'earliest, latest, an offset, or a time such as 2026-01-31T12:00:00Z',
  })
  parseTo(place: string): string {
    return place;
  }

  @Option({ flags: '--topic <name>', description: 'only this topic; may be repeated' })
  parseTopic(name: string, before: string[] = []): string[] {
    return [...before, name];
  }

  @Option({ flags: '--partition <number>', description: 'only this partition of the topics' })
  parsePartition(text: string): number {
    return wholeNumber('--partition', text);
  }

  @Option({ flags: '--dry-run', description: 'only show what would be committed' })
  parseDryRun(): boolean {
    return true;
  }

  protected async work(
    client: BrokerClient,
    [group]: readonly string[],
    { json, to, topic, partition, dryRun = false }: ResetOptions,
    out: Output,
  ): Promise<number> {
    const result = await client.reset(group!, {
      to,
      ...(topic === undefined ? {} : { topics: topic }),
      ...(partition === undefined ? {} : { partition }),
      dry_run: dryRun,
    });
    if (json === true) await out.line(JSON.stringify(result));
    else {
      if (dryRun) await out.line('nothing was changed; this would be committed:');
      await out.line(offsetTable(result.offsets));
    }
    return EXIT.ok;
  }
}

/** `genrocks group commit`. */
@SubCommand({
  name: 'commit',
  arguments: '<group> <offsets...>',
  description: 'Commit offsets for a group without members, each as topic/partition=offset',
})
export class GroupCommitCommand extends BrokerCommand {
  protected async work(
    client: BrokerClient,
    [group, ...offsets]: readonly string[],
    { json }: BrokerOptions,
    out: Output,
  ): Promise<number> {
    const description = await client.commit(group!, offsets.map(parseOffset));
    await out.line(json === true ? JSON.stringify(description) : describeGroup(description));
    return EXIT.ok;
  }
}

function parseOffset(text: string): OffsetJson {
  const [, topic, partition, offset] = /^(.+)\/(\d{1,9})=(\d{1,15})$/.exec(text) ?? [];
  if (topic === undefined)
    throw new InvalidArgumentError(
      `${JSON.stringify(text)} is not allowed; topic/partition=offset, such as orders/0=42`,
    );
  return { topic, partition: Number(partition), offset: Number(offset) };
}

interface DeleteOptions extends BrokerOptions {
  yes?: boolean;
}

/** `genrocks group delete`. */
@SubCommand({
  name: 'delete',
  arguments: '<group>',
  description: 'Delete a group without members, with its offsets',
})
export class GroupDeleteCommand extends BrokerCommand<DeleteOptions> {
  @Option({
    flags: '-y, --yes',
    description: 'really delete; without it, the command only says what would be lost',
  })
  parseYes(): boolean {
    return true;
  }

  protected async work(
    client: BrokerClient,
    [group]: readonly string[],
    { json, yes }: DeleteOptions,
    out: Output,
  ): Promise<number> {
    const { offsets } = await client.group(group!);
    const committed = offsets.filter((offset) => offset.committed !== null).length;
    confirm(yes, `${committed} committed offset(s) of ${group} would be lost`);
    await client.deleteGroup(group!);
    const done = { group, deleted: true, offsets: committed };
    await out.line(
      json === true
        ? JSON.stringify(done)
        : `${printable(group!)}: deleted, ${committed} committed offset(s)`,
    );
    return EXIT.ok;
  }
}
