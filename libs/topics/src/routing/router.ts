import { PartitionNotFoundError } from '../errors.js';
import { type RecordInput, recordBytes } from '../records/batch-writer.js';
import { jumpHash } from './jump-hash.js';
import { murmur2 } from './murmur2.js';
import { type RoutingTarget, StickyTurn } from './sticky-turn.js';

/** A message, as a routing function gets it. */
export interface RoutedMessage {
  /** Name of the topic. */
  readonly topic: string;
  /** The key's bytes, null if the message has no key. */
  readonly key: Uint8Array | null;
  /** The value as given to `publish`, not encoded. */
  readonly value: unknown;
}

/** Returns a partition from 0 to `partitionCount - 1`; any other result fails the publish with `PARTITION_NOT_FOUND`. */
export type RoutingFunction = (message: RoutedMessage, partitionCount: number) => number;

/**
 * How the partition of a message that names none is chosen.
 *
 * - `key_hash`: murmur2 of the key, as a Java client or kafkajs chooses; messages without a key go round robin.
 * - `consistent_hash`: by key too, but when partitions are added, only about the new partitions' share of keys moves.
 * - `round_robin`: each message goes to the next partition, whatever its key.
 * - `sticky`: as `key_hash`, but messages without a key go to one partition until those gathered there are written, or
 *   64 KiB have gone to it; then to the partition that got the fewest bytes. This makes fewer, larger writes.
 * - A function is not kept across restarts: pass it on every start.
 */
export type Routing = (typeof NAMED_ROUTINGS)[number] | RoutingFunction;

export const NAMED_ROUTINGS = ['key_hash', 'consistent_hash', 'round_robin', 'sticky'] as const;

/** The name of a routing; a function has the name `custom`. */
export type RoutingName = (typeof NAMED_ROUTINGS)[number] | 'custom';

/** The name that the registry keeps for a routing. */
export function routingName(routing: Routing): RoutingName {
  return typeof routing === 'function' ? 'custom' : routing;
}

/** Chooses the partitions of a topic's messages. */
export class Router {
  private turn = 0;
  private readonly sticky = new StickyTurn();

  constructor(
    private readonly topic: string,
    readonly routing: Routing,
  ) {}

  /** @throws {PartitionNotFoundError} `PARTITION_NOT_FOUND` for an explicit or computed number that does not exist */
  partitionFor(
    record: RecordInput,
    value: unknown,
    explicit: number | undefined,
    partitions: readonly RoutingTarget[],
  ): number {
    const { routing } = this;
    const { key } = record;
    const count = partitions.length;
    if (explicit !== undefined) return this.checked(explicit, count);
    if (typeof routing === 'function') {
      return this.checked(routing({ topic: this.topic, key, value }, count), count);
    }
    if (routing === 'consistent_hash' && key !== null) return jumpHash(murmur2(key), count);
    if (routing !== 'round_robin' && key !== null) return (murmur2(key) & 0x7fffffff) % count;
    if (routing === 'sticky') return this.sticky.next(recordBytes(record), partitions);
    this.turn = (this.turn + 1) % count;
    return this.turn;
  }

  private checked(partition: number, count: number): number {
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
    throw new PartitionNotFoundError(this.topic, partition, count);
  }
}
