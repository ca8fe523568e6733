import { isGenRocksError } from '@genrocks/storage';
import type { PublishMessage, Topic, TopicsService } from '@genrocks/topics';
import type { LegacyMessage, LegacyStore } from '@genrocks/storage-disklog/tools';

/** Messages per publish, and their bytes. */
const BATCH_MESSAGES = 500;
const BATCH_BYTES = 1 << 20;

/** This group keeps the next offset of a log whose newest messages are gone. */
const IMPORT_GROUP = 'genrocks-import';

/** The result for one legacy partition. */
export interface ImportedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly messages: number;
  /** Offset of the first message, and of the next one. */
  readonly startOffset: number;
  readonly nextOffset: number;
  /** Offsets between the two without a message. */
  readonly missingOffsets: number;
  /** Messages that were not in the expected JSON form; they are kept as raw bytes. */
  readonly rawMessages: number;
  readonly groups: number;
  /** Groups whose offsets lay beyond the last message, and are now at the end. */
  readonly groupsMovedToEnd: readonly string[];
  /** Groups whose names are not allowed here. */
  readonly groupsLeftOut: readonly string[];
}

/** Publishes the messages of one legacy store to a partition of a new topic, keeping their offsets. */
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
    await partition.skipTo(offset);
    // Offsets before the first message are not missing: the log starts there.
    if (start !== undefined) missing += offset - next;
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
  const behind = store.nextOffset - next;
  if (behind > 0) await skipTo(store.nextOffset);
  const committed = await commitGroups(topics, topic.name, index, store, next);
  // Offsets are never assigned twice. Beyond the last message, only a committed offset records this.
  if (behind > 0 && start !== undefined && !store.groups.some(({ offset }) => offset >= next))
    await topics.groups.commitOffsets(IMPORT_GROUP, [{ topic: topic.name, partition: index, offset: next }]);
  return {
    topic: topic.name,
    partition: index,
    messages,
    startOffset: start ?? next,
    nextOffset: next,
    missingOffsets: missing,
    rawMessages: raw,
    ...committed,
  };
}

function toPublish(
  { key, value, headers, metadata, timestamp }: LegacyMessage,
  partition: number,
): PublishMessage {
  const hasMetadata = Object.keys(metadata).length > 0;
  // Copy the value: the log reuses its buffer for the next entries.
  const own = value === null ? null : Buffer.from(value);
  return { key, value: own, headers, timestamp, partition, ...(hasMetadata ? { metadata } : {}) };
}

async function commitGroups(
  topics: TopicsService,
  topic: string,
  partition: number,
  store: LegacyStore,
  end: number,
): Promise<Pick<ImportedPartition, 'groups' | 'groupsMovedToEnd' | 'groupsLeftOut'>> {
  const groupsMovedToEnd: string[] = [];
  const groupsLeftOut: string[] = [];
  for (const { group, offset } of store.groups) {
    try {
      await topics.groups.commitOffsets(group, [{ topic, partition, offset: Math.min(offset, end) }]);
      if (offset > end) groupsMovedToEnd.push(group);
    } catch (error) {
      if (!isGenRocksError(error, 'INVALID_GROUP')) throw error;
      groupsLeftOut.push(group);
    }
  }
  return { groups: store.groups.length - groupsLeftOut.length, groupsMovedToEnd, groupsLeftOut };
}
