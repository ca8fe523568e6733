import type { PublishMessage, Topic, TopicsService } from '@genrocks/topics';
import type { LegacyMessage, LegacyStore } from '@genrocks/storage-disklog/tools';
import { gapBatches } from './gap-batch.js';

/** Messages published at once, and their bytes. */
const BATCH_MESSAGES = 500;
const BATCH_BYTES = 1 << 20;

/** What came of one legacy partition. */
export interface ImportedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly messages: number;
  /** Offset of the first message, and of the one to come. */
  readonly startOffset: number;
  readonly nextOffset: number;
  /** Offsets between the two under which there was no message. */
  readonly missingOffsets: number;
  /** Messages that were not in the expected JSON form, and are kept as the bytes they were. */
  readonly rawMessages: number;
  readonly groups: number;
  /** Offsets of groups that lay beyond the last message, and are now at the end. */
  readonly groupsMovedToEnd: readonly string[];
}

/** Publishes the messages of one legacy store to a partition of a new topic, each under the offset it had. */
export async function importPartition(
  topics: TopicsService,
  topic: Topic,
  index: number,
  store: LegacyStore,
  onProgress: (messages: number) => void,
): Promise<ImportedPartition> {
  const partition = topic.partition(index);
  let next = 0;
  let start: number | undefined;
  let messages = 0;
  let missing = 0;
  let raw = 0;
  let pending: PublishMessage[] = [];
  let bytes = 0;
  const flush = async () => {
    if (pending.length > 0) await topic.publishBatch(pending);
    messages += pending.length;
    pending = [];
    bytes = 0;
    onProgress(messages);
  };
  const skipTo = async (offset: number) => {
    await flush();
    for (const batch of gapBatches(offset - next)) await partition.append(batch);
    // Before the first message nothing is missing: the log begins there.
    if (start === undefined) await partition.truncate();
    else missing += offset - next;
    next = offset;
  };
  for await (const message of store.readMessages()) {
    if (message.offset !== next) await skipTo(message.offset);
    start ??= message.offset;
    pending.push(toPublish(message, index));
    bytes += message.value?.length ?? 0;
    if (message.isRaw) raw++;
    next++;
    if (pending.length >= BATCH_MESSAGES || bytes >= BATCH_BYTES) await flush();
  }
  await flush();
  if (store.nextOffset > next) await skipTo(store.nextOffset);
  const moved = await commitGroups(topics, topic.name, index, store, next);
  return {
    topic: topic.name,
    partition: index,
    messages,
    startOffset: start ?? next,
    nextOffset: next,
    missingOffsets: missing,
    rawMessages: raw,
    groups: store.groups.length,
    groupsMovedToEnd: moved,
  };
}

function toPublish(
  { key, value, headers, metadata, timestamp }: LegacyMessage,
  partition: number,
): PublishMessage {
  const hasMetadata = Object.keys(metadata).length > 0;
  // The value is copied: the log's buffer is used again for the next entries.
  const own = value === null ? null : Buffer.from(value);
  return { key, value: own, headers, timestamp, partition, ...(hasMetadata ? { metadata } : {}) };
}

async function commitGroups(
  topics: TopicsService,
  topic: string,
  partition: number,
  store: LegacyStore,
  end: number,
): Promise<string[]> {
  const moved: string[] = [];
  for (const { group, offset } of store.groups) {
    if (offset > end) moved.push(group);
    await topics.groups.commitOffsets(group, [{ topic, partition, offset: Math.min(offset, end) }]);
  }
  return moved;
}
