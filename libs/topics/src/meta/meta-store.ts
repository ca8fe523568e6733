import {
  type BatchOperation,
  jsonCodec,
  type PartitionStore,
  type StorageAdapter,
  StoreClosedError,
} from '@genrocks/storage';
import type { Bookmark } from '../dedup/id-bookmarks.js';
import type { OffsetRange } from '../dead-letters/offset-ranges.js';
import type { CommittedOffset } from '../groups/group.types.js';
import type { StorageRoom } from '../storage-room.js';
import type { TopicRecord } from './topic-record.js';

/** Topic in which the service stores its own state. Users cannot create topics with such a name. */
export const META_TOPIC = '__genrocks';

/** A larger write is split, so that it stays below the limits of every adapter. */
const MAX_OPERATIONS = 1_000;
const MAX_BYTES = 512 * 1024;

/** One change. A null value deletes the key. The parts of a key must not contain NUL. */
export interface MetaChange {
  readonly key: readonly string[];
  readonly value: unknown;
}

/** The whole stored state, as read at a start. */
export interface MetaSnapshot {
  readonly topics: TopicRecord[];
  readonly logStarts: { topicId: string; partition: number; offset: number }[];
  readonly disorders: { topicId: string; partition: number; disorder: number }[];
  readonly redriven: { topicId: string; partition: number; ranges: OffsetRange[] }[];
  readonly bookmarks: { topicId: string; partition: number; marks: Bookmark[] }[];
  readonly offsets: { group: string; topic: string; partition: number; committed: CommittedOffset }[];
}

export const topicKey = (name: string): readonly string[] => ['topic', name];
export const logStartKey = (topicId: string, partition: number): readonly string[] => [
  'start',
  topicId,
  String(partition),
];
/** How far timestamps go back in a partition; see `TimeOrder`. */
export const disorderKey = (topicId: string, partition: number): readonly string[] => [
  'disorder',
  topicId,
  String(partition),
];
/** Offsets of the dead letters in a partition that were redriven. */
export const redrivenKey = (topicId: string, partition: number): readonly string[] => [
  'redriven',
  topicId,
  String(partition),
];
/** Where reading for message ids starts; see `IdBookmarks`. */
export const dedupKey = (topicId: string, partition: number): readonly string[] => [
  'dedup',
  topicId,
  String(partition),
];
export const offsetKeyOf = (group: string, topic: string, partition: number): readonly string[] => [
  'offset',
  group,
  topic,
  String(partition),
];

interface Pending {
  readonly changes: readonly MetaChange[];
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * The store of the service's own state, which must never be evicted: topic registry, log starts, group
 * offsets and more. Changes that arrive during a write share the next one.
 */
export class MetaStore {
  private store: PartitionStore | undefined;
  private queue: Pending[] = [];
  private writing: Promise<void> | undefined;
  private room: StorageRoom | undefined;

  /**
   * Opens the store and reads its state.
   * @param room notified of every write and every failure
   */
  async open(adapter: StorageAdapter, room?: StorageRoom): Promise<MetaSnapshot> {
    this.room = room;
    this.store = await adapter.open(META_TOPIC, 0, { retain: 'all' });
    const snapshot: MetaSnapshot = {
      topics: [],
      logStarts: [],
      disorders: [],
      redriven: [],
      bookmarks: [],
      offsets: [],
    };
    for await (const page of this.store.scanPages()) {
      for (const { key, value } of page) load(snapshot, key.toString('utf8').split('\0'), value);
    }
    return snapshot;
  }

  /** Resolves once the changes are durable. Changes of a key are written in order, so the last one wins. */
  write(changes: readonly MetaChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.queue.push({ changes, resolve, reject });
      this.writing ??= this.drain();
    });
  }

  /**
   * As {@link write}, but the changes are on stable storage when it resolves, whatever the store's `sync`
   * option is. For a change that must survive a power cut if the action that follows it does.
   */
  async writeDurably(changes: readonly MetaChange[]): Promise<void> {
    await this.write(changes);
    if (changes.length > 0) await this.opened().sync();
  }

  async close(): Promise<void> {
    await this.writing;
    await this.store?.close();
    this.store = undefined;
  }

  private async drain(): Promise<void> {
    // Wait a microtask, so that callers of the same turn share the first write.
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.queue;
      this.queue = [];
      try {
        await this.writeAll(batch);
        this.room?.wrote();
        for (const pending of batch) pending.resolve();
      } catch (error) {
        this.room?.failed(error);
        for (const pending of batch) pending.reject(error);
      }
    }
    this.writing = undefined;
  }

  private async writeAll(batch: readonly Pending[]): Promise<void> {
    const latest = new Map<string, unknown>();
    for (const { changes } of batch) for (const { key, value } of changes) latest.set(key.join('\0'), value);
    let operations: BatchOperation[] = [];
    let bytes = 0;
    for (const [key, content] of latest) {
      const value = content === null ? undefined : jsonCodec.encode(content);
      operations.push(value === undefined ? { type: 'delete', key } : { type: 'put', key, value });
      bytes += key.length + (value?.length ?? 0);
      if (operations.length < MAX_OPERATIONS && bytes < MAX_BYTES) continue;
      await this.opened().batch(operations);
      operations = [];
      bytes = 0;
    }
    if (operations.length > 0) await this.opened().batch(operations);
  }

  private opened(): PartitionStore {
    if (this.store === undefined) throw new StoreClosedError('the meta store');
    return this.store;
  }
}

function load(snapshot: MetaSnapshot, key: readonly string[], value: Buffer): void {
  const [kind, first = '', second = '', third = ''] = key;
  const content = jsonCodec.decode(value);
  if (kind === 'topic') snapshot.topics.push(content as TopicRecord);
  else if (kind === 'start') {
    const { offset } = content as { offset: number };
    snapshot.logStarts.push({ topicId: first, partition: Number(second), offset });
  } else if (kind === 'disorder') {
    const { ms } = content as { ms: number | null };
    snapshot.disorders.push({ topicId: first, partition: Number(second), disorder: ms ?? Infinity });
  } else if (kind === 'redriven') {
    const ranges = content as OffsetRange[];
    snapshot.redriven.push({ topicId: first, partition: Number(second), ranges });
  } else if (kind === 'dedup') {
    const marks = content as Bookmark[];
    snapshot.bookmarks.push({ topicId: first, partition: Number(second), marks });
  } else if (kind === 'offset') {
    const committed = content as CommittedOffset;
    snapshot.offsets.push({ group: first, topic: second, partition: Number(third), committed });
  }
}
