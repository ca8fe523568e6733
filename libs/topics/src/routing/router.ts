import { PartitionNotFoundError } from '../errors.js';
import { type RecordInput, recordBytes } from '../records/batch-writer.js';
import { jumpHash } from './jump-hash.js';
import { murmur2 } from './murmur2.js';
import { type RoutingTarget, StickyTurn } from './sticky-turn.js';

/** What a routing function is told of a message. */
export interface RoutedMessage {
  /** Name of the topic. */
  readonly topic: string;
  /** The key's bytes, null where the message has none. */
  readonly key: Uint8Array | null;
  /** As it was given to `publish`, not encoded yet. */
  readonly value: unknown;
}

/** Chooses a partition from 0 to `partitionCount - 1`; anything else fails the publish with `PARTITION_NOT_FOUND`. */
export type RoutingFunction = (message: RoutedMessage, partitionCount: number) => number;

/**
 * `key_hash`: murmur2 of the key, the partition a Java client or kafkajs would choose; keyless messages go round.
 * `consistent_hash`: by key too, but when partitions are added only about the share of the new ones moves to them.
 * `round_robin`: every message to the next partition, whatever its key.
 * `sticky`: as `key_hash`, but keyless messages keep to one partition until what has gathered there is written, or
 * 64 KiB have gone to it, and then move on to the one that got least: fewer and larger writes.
 */
export type Routing = (typeof NAMED_ROUTINGS)[number] | RoutingFunction;

export const NAMED_ROUTINGS = ['key_hash', 'consistent_hash', 'round_robin', 'sticky'] as const;

/** The name of a routing; a function is `custom`. */
export type RoutingName = (typeof NAMED_ROUTINGS)[number] | 'custom';

/** The name a routing is remembered by; a function cannot be. */
export function routingName(routing: Routing): RoutingName {
  return typeof routing === 'function' ? 'custom' : routing;
}

/** Chooses the partition of every message of one topic. */
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
