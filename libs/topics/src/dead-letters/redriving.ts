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

/** The original message, with an updated count of its redrives. */
export function originalOf(message: Message): RecordInput {
  const { headerBytes } = message;
  // Remove only the last header of each name: a message that was a dead letter before, because a group
  // consumes dead letters, still carries the older ones.
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

/**
 * The old partition, if it still exists and the message has no key or its topic custom routing; undefined
 * leaves it to the routing. A custom routing function may need the decoded value, which is only bytes here,
 * so the partition it chose before is reused.
 */
export function partitionIn(target: Topic, { partition, topic, message }: DeadLetter): number | undefined {
  const isThere = target.name === topic && partition >= 0 && partition < target.partitionCount;
  const byKey = message.keyBytes !== null && target.describe().routing !== 'custom';
  return isThere && !byKey ? partition : undefined;
}

/**
 * Checks that a dead letter has everything a redrive needs.
 * @param from the dead-letter topic it is in
 * @param to the target topic, if it is not the one in the headers
 * @throws `INVALID_DEAD_LETTER`
 */
export function assertComplete(
  { kind, message, topic, partition }: DeadLetter,
  from: string,
  to: string | undefined,
): void {
  if (kind === 'bytes')
    throw new InvalidDeadLetterError('contains bytes that could not be read as a message');
  if (DeadLetterHeader.droppedBytes in message.headers) {
    throw new InvalidDeadLetterError(
      'has no value, because that was too large for this topic; the value is only in the original topic',
    );
  }
  if (to !== undefined) return;
  if (Number.isNaN(partition)) {
    throw new InvalidDeadLetterError(
      `has no valid partition in its header ${DeadLetterHeader.partition}; set "to" to the topic to redrive it to`,
    );
  }
  if (topic === from) {
    throw new InvalidDeadLetterError(
      'names the dead-letter topic itself as its origin; set "to" to the topic to redrive it to',
    );
  }
}

/**
 * Checks that a topic is running.
 * @throws `TOPIC_STOPPED`
 */
export function assertRunning({ name, state }: Topic): void {
  if (state !== 'running') throw new TopicStoppedError(name, state);
}

/**
 * Whether the error concerns this message only. Errors of the store, and backpressure, concern all of them.
 */
export function concernsOneOnly(error: unknown): boolean {
  if (!isGenRocksError(error)) return true;
  return (error instanceof TopicsError && !error.retriable) || error.code === 'TOO_LARGE';
}
