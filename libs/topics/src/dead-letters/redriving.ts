import { isGenRocksError } from '@genrocks/storage';
import { TopicsError, TopicStoppedError } from '../errors.js';
import type { Message } from '../message.js';
import type { RecordInput } from '../records/batch-writer.js';
import type { Topic } from '../topic.js';
import type { DeadLetter } from './dead-letter.types.js';
import { InvalidDeadLetterError } from './dead-letter-errors.js';
import { DeadLetterHeader, REDRIVES_HEADER, textHeader } from './dead-letter-headers.js';
import { redrivesOf } from './parse-dead-letter.js';

const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(DeadLetterHeader));

/** The message as it was, but for the count of its returns. */
export function originalOf(message: Message): RecordInput {
  const { headerBytes } = message;
  // Of each name the last is of the last burial: a dead letter of a group that reads dead letters has older ones of its own.
  const last = new Map(headerBytes.map(([name], i) => [name, i]));
  const kept = headerBytes.filter(
    ([name], i) => name !== REDRIVES_HEADER && !(OWN_HEADERS.has(name) && last.get(name) === i),
  );
  return {
    key: message.keyBytes,
    value: message.valueBytes,
    headers: [
      ...kept.map(([name, value]) => ({ name: Buffer.from(name), value })),
      textHeader(REDRIVES_HEADER, String(redrivesOf(message.headers) + 1)),
    ],
    timestamp: Date.now(),
  };
}

/** A function that routes may look at the value, which is bytes here; where it sent the message once is as good. */
export function partitionIn(target: Topic, { partition, topic, message }: DeadLetter): number | undefined {
  const isThere = target.name === topic && partition >= 0 && partition < target.partitionCount;
  const byKey = message.keyBytes !== null && target.describe().routing !== 'custom';
  return isThere && !byKey ? partition : undefined;
}

/**
 * @param from the topic the dead letter lies in
 * @param to where it is to go, whatever it says of itself
 * @throws `INVALID_DEAD_LETTER`
 */
export function assertComplete(
  { kind, message, topic, partition }: DeadLetter,
  from: string,
  to: string | undefined,
): void {
  if (kind === 'bytes') throw new InvalidDeadLetterError('holds bytes that are no message');
  if (DeadLetterHeader.droppedBytes in message.headers) {
    throw new InvalidDeadLetterError(
      'is without its value, which was too large; it is only where it came from',
    );
  }
  if (to !== undefined) return;
  if (Number.isNaN(partition)) {
    throw new InvalidDeadLetterError(
      `has no partition in its header ${DeadLetterHeader.partition}; name a topic to put it into ("to")`,
    );
  }
  if (topic === from) {
    throw new InvalidDeadLetterError('names the topic it lies in; name another to put it into ("to")');
  }
}

/** @throws `TOPIC_STOPPED` */
export function assertRunning({ name, state }: Topic): void {
  if (state !== 'running') throw new TopicStoppedError(name, state);
}

/** Did this one message fail, where others may go through? What a store says, or backpressure, concerns all. */
export function concernsOneOnly(error: unknown): boolean {
  if (!isGenRocksError(error)) return true;
  return (error instanceof TopicsError && !error.retriable) || error.code === 'TOO_LARGE';
}
