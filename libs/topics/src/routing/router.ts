import { PartitionNotFoundError } from '../errors.js';
import { jumpHash } from './jump-hash.js';
import { murmur2 } from './murmur2.js';

/** What a routing function is told of a message. */
export interface RoutedMessage {
  readonly topic: string;
  /** The key's bytes, null where the message has none. */
  readonly key: Uint8Array | null;
  readonly value: unknown;
}

/** Chooses a partition from 0 to `partitionCount - 1`; anything else fails the publish with `PARTITION_NOT_FOUND`. */
export type RoutingFunction = (message: RoutedMessage, partitionCount: number) => number;

/**
 * `key_hash`: murmur2 of the key, the partition a Java client or kafkajs would choose; keyless messages go round.
 * `consistent_hash`: by key too, but when partitions are added only about the share of the new ones moves to them.
 * `round_robin`: every message to the next partition, whatever its key.
 */
export type Routing = (typeof NAMED_ROUTINGS)[number] | RoutingFunction;

export const NAMED_ROUTINGS = ['key_hash', 'consistent_hash', 'round_robin'] as const;

/** The name of a routing; a function is `custom`. */
export type RoutingName = (typeof NAMED_ROUTINGS)[number] | 'custom';

/** The name a routing is remembered by; a function cannot be. */
export function routingName(routing: Routing): RoutingName {
  return typeof routing === 'function' ? 'custom' : routing;
}

/** Chooses the partition of every message of one topic. */
export class Router {
  private turn = 0;

  constructor(
    private readonly topic: string,
    readonly routing: Routing,
  ) {}

  /** @throws {PartitionNotFoundError} `PARTITION_NOT_FOUND` for an explicit or computed number that does not exist */
  partitionFor(key: Uint8Array | null, value: unknown, explicit: number | undefined, count: number): number {
    if (explicit !== undefined) return this.checked(explicit, count);
    if (typeof this.routing === 'function') {
      return this.checked(this.routing({ topic: this.topic, key, value }, count), count);
    }
    if (this.routing === 'consistent_hash' && key !== null) return jumpHash(murmur2(key), count);
    if (this.routing === 'key_hash' && key !== null) return (murmur2(key) & 0x7fffffff) % count;
    this.turn = (this.turn + 1) % count;
    return this.turn;
  }

  private checked(partition: number, count: number): number {
    if (Number.isInteger(partition) && partition >= 0 && partition < count) return partition;
    throw new PartitionNotFoundError(this.topic, partition, count);
  }
}
