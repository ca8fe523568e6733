import type { Codec } from '@genrocks/storage';
import type { AppenderEnvironment, AppenderSettings } from './appender.types.js';
import type { StorageRoom, StorageRooms } from '../storage-room.js';
import type { TailCache } from './tail-cache.js';

/** What the partitions of a service share. */
export interface PartitionEnvironment extends AppenderEnvironment {
  readonly cache: TailCache;
  readonly maxMessageBytes: number;
  /** Notified of every write and every failure. */
  readonly room: StorageRoom;
}

/** What all partitions share, regardless of their adapter. */
export interface SharedEnvironment extends Omit<PartitionEnvironment, 'room'> {
  readonly rooms: StorageRooms;
}

/**
 * What is known of a partition's log independently of its store, above all the offsets it must not fall back
 * below.
 */
export interface LogFloor {
  readonly logStart: number;
  readonly nextOffset: number;
  /** The lowest offset some group still needs; null if no group reads. */
  readonly needed: number | null;
  /** How far timestamps go back, in milliseconds; Infinity if unknown. */
  readonly disorder: number;
}

/** Notified of the changes in a topic's partitions, in order. */
export interface PartitionWatcher {
  /** Records from this offset on are stored. Called before their publishers are notified. */
  stored(partition: number, firstOffset: number): void;
  /** A batch packed by its producer is stored. */
  appended(partition: number, batch: Buffer): void;
  truncated(partition: number): void;
}

/** The topic a partition belongs to. */
export interface PartitionOwner extends AppenderSettings {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly watcher?: PartitionWatcher | undefined;
  /** Persists that the partition starts at this offset from now on. Called before anything is dropped. */
  saveLogStart(partition: number, offset: number): Promise<void>;
  /** Persists how far timestamps go back in the partition; see `TimeOrder`. */
  saveDisorder(partition: number, disorder: number): Promise<void>;
}
