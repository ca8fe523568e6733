import type { Codec } from '@genrocks/storage';
import type { AppenderEnvironment, AppenderSettings } from './appender.types.js';
import type { StorageRoom, StorageRooms } from '../storage-room.js';
import type { TailCache } from './tail-cache.js';

/** What partitions share within one service. */
export interface PartitionEnvironment extends AppenderEnvironment {
  readonly cache: TailCache;
  readonly maxMessageBytes: number;
  /** Hears of every write and every failure. */
  readonly room: StorageRoom;
}

/** What all partitions share, whatever adapter they are on. */
export interface SharedEnvironment extends Omit<PartitionEnvironment, 'room'> {
  readonly rooms: StorageRooms;
}

/** What is known of a partition's log, whatever its store holds: where it may not go back before, above all. */
export interface LogFloor {
  readonly logStart: number;
  readonly nextOffset: number;
  /** The lowest offset some group still needs; null where nobody reads. */
  readonly needed: number | null;
  /** How far timestamps go back, in milliseconds; Infinity where nobody knows. */
  readonly disorder: number;
}

/** Hears what happens in the partitions of a topic, in the order in which it happens. */
export interface PartitionWatcher {
  /** What begins at this offset is stored; its publishers have not heard of it yet. */
  stored(partition: number, firstOffset: number): void;
  /** A batch that came packed is stored. */
  appended(partition: number, batch: Buffer): void;
  truncated(partition: number): void;
}

/** What the partition's topic decides. */
export interface PartitionOwner extends AppenderSettings {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly watcher?: PartitionWatcher | undefined;
  /** Stores that the partition now begins at this offset, before anything is dropped. */
  saveLogStart(partition: number, offset: number): Promise<void>;
  /** Stores how far timestamps go back there from now on; see `TimeOrder`. */
  saveDisorder(partition: number, disorder: number): Promise<void>;
}
