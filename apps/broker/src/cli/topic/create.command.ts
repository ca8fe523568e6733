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
  /** False if `--no-dedup` was given, otherwise true. */
  dedup?: boolean;
  adapter?: string;
  set?: Record<string, unknown>;
}

/** `genrocks topic create`. */
@SubCommand({
  name: 'create',
  arguments: '<topic>',
  description: 'Create a topic; an existing topic of the same shape is left unchanged',
})
export class TopicCreateCommand extends TopicActionCommand<Options> {
  protected override readonly mayCreateLogDir = true;

  @Option({
    flags: '-p, --partitions <count>',
    description: 'number of partitions (default: default_partitions of the broker)',
  })
  parsePartitions(text: string): number {
    return wholeNumber('--partitions', text, 1);
  }

  @Option({
    flags: '--routing <name>',
    description: 'how a partition is chosen: key_hash (default), consistent_hash, round_robin, sticky',
  })
  parseRouting(name: string): string {
    return name;
  }

  @Option({
    flags: '--compression <name>',
    description: 'compression of batches: none (default), gzip, snappy, lz4, zstd',
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
    description: 'store a message id only once within this time (default: no deduplication)',
  })
  parseDedupWindowMs(text: string): number {
    return wholeNumber('--dedup-window-ms', text, 1);
  }

  @Option({
    flags: '--dedup-max-ids <count>',
    description: 'remember at most this many ids, the newest (default 100000)',
  })
  parseDedupMaxIds(text: string): number {
    return wholeNumber('--dedup-max-ids', text, 1);
  }

  @Option({ flags: '--no-dedup', description: 'turn deduplication off, for a topic that was stopped' })
  parseNoDedup(): boolean {
    return false;
  }

  @Option({ flags: '--adapter <name>', description: 'storage of the topic: disk_log, ets, rocksdb' })
  parseAdapter(name: string): string {
    return name;
  }

  @Option({
    flags: '--set <setting=value>',
    description: 'an adapter setting for this topic only, such as max_no_bytes=50MB; may be repeated',
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

/** The dedup setting of the request; undefined if no option mentions it. */
function dedupOf({ dedup, dedupWindowMs, dedupMaxIds }: Options): object | false | undefined {
  if (dedupWindowMs === undefined && dedupMaxIds === undefined) return dedup === false ? false : undefined;
  if (dedup === false) throw new InvalidArgumentError('give either --no-dedup or a dedup window, not both');
  return { window_ms: dedupWindowMs, max_ids: dedupMaxIds };
}
