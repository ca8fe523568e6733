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
 * `round_robin`: every message to the next partition, whatever its key.
 */
export type Routing = 'key_hash' | 'round_robin' | RoutingFunction;
