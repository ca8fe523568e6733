import type { Clock } from '../clock.js';
import type { Compression } from '../records/batch-header.js';
import type { ScratchPool } from '../records/scratch-pool.js';
import type { Turn } from '../turn.js';
import type { AppendCompletion } from './append-unit.js';
import type { PublishBudget } from './publish-budget.js';

/** What the appender tells its partition. */
export interface AppenderListener {
  /** Batches are durable and now end at `endOffset`; called before their publishers hear of it. */
  onStored(batches: readonly Buffer[], endOffset: number, records: number, bytes: number): void;
  onFailed(records: number, error: unknown): void;
}

/** What the appenders of a service share. */
export interface AppenderEnvironment {
  readonly budget: PublishBudget;
  readonly turn: Turn;
  readonly scratch: ScratchPool;
  /** Records that wait are packed into batches up to this size. */
  readonly maxBatchBytes: number;
  readonly clock: Clock;
}

/** What the partition's topic decides of writing. */
export interface AppenderSettings {
  readonly compression: Compression;
  /** Milliseconds a batch waits for more messages. */
  readonly lingerMs: number;
}

/** Makes the completion of records that were packed from `first` on at `delta` of their batch. */
export interface GroupCompletion {
  part(first: number, count: number, delta: number): AppendCompletion;
  failed(error: unknown): void;
}
