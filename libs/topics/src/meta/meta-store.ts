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

/** Where the service keeps its own state; topics of users cannot have such a name. */
export const META_TOPIC = '__genrocks';

/** A larger write is sent in several, so that no adapter's limit is met. */
const MAX_OPERATIONS = 1_000;
const MAX_BYTES = 512 * 1024;

/** One change; null removes the key. Parts of a key never contain a NUL. */
export interface MetaChange {
  readonly key: readonly string[];
  readonly value: unknown;
}

/** Everything that was kept, as it is read on start. */
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
/** How far timestamps go back in a partition. */
export const disorderKey = (topicId: string, partition: number): readonly string[] => [
  'disorder',
  topicId,
  String(partition),
];
/** Dead letters of a partition that were put back. */
export const redrivenKey = (topicId: string, partition: number): readonly string[] => [
  'redriven',
  topicId,
  String(partition),
];
/** Where reading for message ids begins. */
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
 * The store of state that must never wrap away: topic registry, log starts, group offsets. Changes that wait while
 * a write is under way share the next one.
 */
export class MetaStore {
  private store: PartitionStore | undefined;
  private queue: Pending[] = [];
  private writing: Promise<void> | undefined;
  private room: StorageRoom | undefined;

  /** @param room hears of every write and every failure */
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

  /** Resolves once the changes are durable. Later changes of a key win, and are never written before earlier ones. */
  write(changes: readonly MetaChange[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.queue.push({ changes, resolve, reject });
      this.writing ??= this.drain();
    });
  }

  /**
   * As {@link write}, and on stable storage when it resolves, whatever `sync` says: for what has to be known before
   * something else is done that a power cut may leave done.
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
    // Callers of the same turn share the first write too.
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
