import type { Codec } from '@genrocks/storage';
import type { Clock } from './clock.js';
import type { Deduplicator } from './dedup/deduplicator.js';
import type { PublishMessage, PublishResult } from './message.js';
import { encodeMessage, type RecordLimits } from './message-encoder.js';
import type { GroupCompletion } from './partition/appender.types.js';
import type { Partition } from './partition/partition.js';
import { BatchPublish, SinglePublish } from './publishing.js';
import type { RecordInput } from './records/batch-writer.js';
import type { Router } from './routing/router.js';

/** The parts of an open topic. @internal */
export interface OpenTopic {
  readonly name: string;
  readonly partitions: readonly Partition[];
  readonly router: Router;
  readonly codec: Codec<unknown>;
  readonly limits: RecordLimits;
  readonly clock: Clock;
  readonly dedup: Deduplicator | undefined;
}

/** The records of a call that go to one partition, with their positions in the call. */
interface Part {
  readonly records: RecordInput[];
  readonly positions: number[];
}

/** Encodes, routes and queues one message. */
export function publishOne(
  open: OpenTopic,
  message: PublishMessage,
  resolve: (result: PublishResult) => void,
  reject: (error: unknown) => void,
): void {
  const { name, partitions, router, codec, limits, clock, dedup } = open;
  const record = encodeMessage(message, codec, limits, clock.now());
  const index = router.partitionFor(record, message.value, message.partition, partitions);
  const pending = new SinglePublish(name, index, record.timestamp, resolve, reject);
  if (dedup === undefined || record.id === undefined) partitions[index]!.publish([record], pending);
  else if (dedup.take(record.id, pending)) {
    send(partitions[index]!, [record], dedup.completion(index, [record], pending));
  }
}

/** Publishes a record unchanged, routed by its key; its id is not checked. */
export function publishEncoded(
  { name, partitions, router }: OpenTopic,
  record: RecordInput,
  partition: number | undefined,
  resolve: (result: PublishResult) => void,
  reject: (error: unknown) => void,
): void {
  const index = router.partitionFor(record, undefined, partition, partitions);
  partitions[index]!.publish([record], new SinglePublish(name, index, record.timestamp, resolve, reject));
}

/** Encodes and routes all messages before it queues the first, so that one invalid message fails the whole call. */
export function publishMany(
  open: OpenTopic,
  messages: readonly PublishMessage[],
  resolve: (results: PublishResult[]) => void,
  reject: (error: unknown) => void,
): void {
  const { name, partitions, router, codec, limits, clock, dedup } = open;
  const parts = new Map<number, Part>();
  const now = clock.now();
  for (let position = 0; position < messages.length; position++) {
    const message = messages[position]!;
    const record = encodeMessage(message, codec, limits, now);
    const index = router.partitionFor(record, message.value, message.partition, partitions);
    let part = parts.get(index);
    if (part === undefined) parts.set(index, (part = { records: [], positions: [] }));
    part.records.push(record);
    part.positions.push(position);
  }
  const call = new BatchPublish(name, messages.length, resolve, reject);
  const wanted = dedup === undefined ? parts : withoutRepeats(dedup, parts, call);
  for (const [index, { records, positions }] of wanted) {
    const pending = call.forPartition(index, positions, records);
    send(partitions[index]!, records, dedup?.completion(index, records, pending) ?? pending);
  }
}

/** Takes the ids of a call and returns the messages to store. Repeats wait for the first, which may be in the same call. */
function withoutRepeats(
  dedup: Deduplicator,
  parts: ReadonlyMap<number, Part>,
  call: BatchPublish,
): Map<number, Part> {
  const wanted = new Map<number, Part>();
  const taken: string[] = [];
  try {
    for (const [index, { records, positions }] of parts) {
      const kept: Part = { records: [], positions: [] };
      for (let i = 0; i < records.length; i++) {
        const { id } = records[i]!;
        if (id !== undefined && !dedup.take(id, call.duplicate(positions[i]!))) continue;
        if (id !== undefined) taken.push(id);
        kept.records.push(records[i]!);
        kept.positions.push(positions[i]!);
      }
      if (kept.records.length > 0) wanted.set(index, kept);
    }
  } catch (error) {
    // Nothing of the call is queued yet.
    for (const id of taken) dedup.giveBack(id, error);
    throw error;
  }
  return wanted;
}

function send(partition: Partition, records: readonly RecordInput[], completion: GroupCompletion): void {
  try {
    partition.publish(records, completion);
  } catch (error) {
    completion.failed(error);
  }
}
