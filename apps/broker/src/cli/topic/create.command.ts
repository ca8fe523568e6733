import { InvalidArgumentError } from '@genrocks/storage';
import { Option, SubCommand } from 'nest-commander';
import { wholeNumber } from '../broker-command.js';
import type { TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { TopicActionCommand } from './topic-action.command.js';

interface Options {
  partitions?: number;
  routing?: string;
  compression?: string;
  lingerMs?: number;
  dedupWindowMs?: number;
  dedupMaxIds?: number;
  /** False where `--no-dedup` was given, and true otherwise. */
  dedup?: boolean;
  adapter?: string;
  set?: Record<string, unknown>;
}

/** `genrocks topic create`. */
@SubCommand({
  name: 'create',
  arguments: '<topic>',
  description: 'Create a topic; one that is there in this shape is left as it is',
})
export class TopicCreateCommand extends TopicActionCommand<Options> {
  protected override readonly mayCreateLogDir = true;

  @Option({ flags: '-p, --partitions <count>', description: 'default: as the broker is configured' })
  parsePartitions(text: string): number {
    return wholeNumber('--partitions', text, 1);
  }

  @Option({
    flags: '--routing <name>',
    description: 'how messages find a partition: key_hash (default), consistent_hash, round_robin, sticky',
  })
  parseRouting(name: string): string {
    return name;
  }

  @Option({
    flags: '--compression <name>',
    description: 'what batches are packed with: none (default), gzip, snappy, lz4, zstd',
  })
  parseCompression(name: string): string {
    return name;
  }

  @Option({ flags: '--linger-ms <ms>', description: 'how long a batch waits for more messages (default 0)' })
  parseLingerMs(text: string): number {
    return wholeNumber('--linger-ms', text, 0);
  }

  @Option({
    flags: '--dedup-window-ms <ms>',
    description: 'store a message id once within this time (default: ids are not counted)',
  })
  parseDedupWindowMs(text: string): number {
    return wholeNumber('--dedup-window-ms', text, 1);
  }

  @Option({
    flags: '--dedup-max-ids <count>',
    description: 'remember at most so many ids, the newest (default 100000)',
  })
  parseDedupMaxIds(text: string): number {
    return wholeNumber('--dedup-max-ids', text, 1);
  }

  @Option({ flags: '--no-dedup', description: 'count ids no more, in a topic that was stopped' })
  parseNoDedup(): boolean {
    return false;
  }

  @Option({ flags: '--adapter <name>', description: 'where it is stored: disk_log, ets, rocksdb' })
  parseAdapter(name: string): string {
    return name;
  }

  @Option({
    flags: '--set <setting=value>',
    description: 'a setting of the adapter for this topic alone, such as max_no_bytes=50MB; may be repeated',
  })
  parseSet(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
    const [, name, value] = /^([a-z_]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || value === undefined)
      throw new InvalidArgumentError(
        `--set: ${JSON.stringify(text)} is not allowed; such as max_no_bytes=50MB`,
      );
    return { ...before, [name]: value };
  }

  protected change(client: BrokerClient, [name]: readonly string[], options: Options): Promise<TopicJson> {
    const { partitions, routing, compression, lingerMs, adapter, set } = options;
    const storage = { ...(adapter === undefined ? {} : { adapter }), ...set };
    return client.createTopic({
      name,
      partitions,
      routing,
      compression,
      linger_ms: lingerMs,
      dedup: dedupOf(options),
      ...(Object.keys(storage).length === 0 ? {} : { storage }),
    });
  }
}

/** What the broker is asked for; undefined where nothing was said of it. */
function dedupOf({ dedup, dedupWindowMs, dedupMaxIds }: Options): object | false | undefined {
  if (dedupWindowMs === undefined && dedupMaxIds === undefined) return dedup === false ? false : undefined;
  if (dedup === false) throw new InvalidArgumentError('give either --no-dedup or a window of ids, not both');
  return { window_ms: dedupWindowMs, max_ids: dedupMaxIds };
}
