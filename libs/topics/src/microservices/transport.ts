import { createHash } from 'node:crypto';
import { assertTopicName, isGenRocksError } from '@genrocks/storage';
import { KafkaHeaders } from '@nestjs/microservices';
import type { TopicPattern } from '../groups/group.types.js';

/** Restricts a handler to this transport: `@EventPattern('orders', GENROCKS_TRANSPORT)`. @publicApi */
export const GENROCKS_TRANSPORT = Symbol('GENROCKS_TRANSPORT');

/**
 * Headers of requests and replies. The names are those of Nest's Kafka transport, so a `ClientKafka` in another process can
 * send requests to a {@link GenRocksServer} through the Kafka listener.
 *
 * @publicApi
 */
export const RpcHeader = {
  correlationId: KafkaHeaders.CORRELATION_ID,
  replyTopic: KafkaHeaders.REPLY_TOPIC,
  replyPartition: KafkaHeaders.REPLY_PARTITION,
  /** The error of a reply, as JSON or text. */
  error: KafkaHeaders.NEST_ERR,
  /** There is no further reply. */
  isDisposed: KafkaHeaders.NEST_IS_DISPOSED,
  /** The reply has no value; it only ends the answer. */
  isEmpty: 'genrocks-reply-empty',
  /** The client gives up at this time, in milliseconds since 1970. */
  expiresAt: 'genrocks-expires-at',
} as const;

/** Where the answer to a request goes. */
export interface ReplyTo {
  readonly correlationId: string;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly expiresAt: number;
}

/** Undefined if the message wants no answer: an event. */
export function replyToOf(headers: Readonly<Record<string, string>>): ReplyTo | undefined {
  const correlationId = headers[RpcHeader.correlationId];
  const topic = headers[RpcHeader.replyTopic];
  if (!correlationId || !topic) return undefined;
  const partition = Number(headers[RpcHeader.replyPartition] ?? NaN);
  const expiresAt = Number(headers[RpcHeader.expiresAt] ?? NaN);
  return {
    correlationId,
    topic,
    partition: Number.isInteger(partition) && partition >= 0 ? partition : undefined,
    expiresAt: Number.isFinite(expiresAt) ? expiresAt : Infinity,
  };
}

/**
 * The topic of a pattern: the pattern itself if it is a valid topic name. Other patterns, such as `{ cmd: 'sum' }`, get a
 * derived name that is the same in every process.
 * @param route the pattern in Nest's normal form
 */
export function topicOfRoute(route: string): string {
  try {
    assertTopicName(route);
    return route;
  } catch (error) {
    if (!isGenRocksError(error, 'INVALID_TOPIC_NAME')) throw error;
  }
  const words = route.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  const hash = createHash('sha256').update(route).digest('hex').slice(0, 12);
  return `rpc.${words.slice(0, 100)}.${hash}`;
}

/** Whether a pattern stands for many topics. */
export function isWildcard(pattern: unknown): pattern is TopicPattern {
  return pattern instanceof RegExp || (typeof pattern === 'string' && pattern.includes('*'));
}

/** Whether a topic that a group consumed from matches this pattern. */
export function matches(pattern: TopicPattern, topic: string): boolean {
  // Not `test`, which keeps state in a RegExp with the flag g.
  if (pattern instanceof RegExp) return topic.search(pattern) >= 0;
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(topic);
}
