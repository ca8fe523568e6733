import type { Clock } from '../clock.js';
import type { Compression } from '../records/batch-header.js';
import type { ScratchPool } from '../records/scratch-pool.js';
import type { Turn } from '../turn.js';
import type { AppendCompletion } from './append-unit.js';
import type { PublishBudget } from './publish-budget.js';

/** Notifies the partition of the appender's writes. */
export interface AppenderListener {
  /** Batches are stored and now end at `endOffset`. Called before their publishers are notified. */
  onStored(batches: readonly Buffer[], endOffset: number, records: number, bytes: number): void;
  onFailed(records: number, error: unknown): void;
}

/** What the appenders of a service share. */
export interface AppenderEnvironment {
  readonly budget: PublishBudget;
  readonly turn: Turn;
  readonly scratch: ScratchPool;
  /** Waiting records are packed into batches of up to this size. */
  readonly maxBatchBytes: number;
  readonly clock: Clock;
}

/** Write settings of the partition's topic. */
export interface AppenderSettings {
  readonly compression: Compression;
  /** How long a batch waits for more messages, in milliseconds. */
  readonly lingerMs: number;
}

/**
 * Completes the records of one call, which may be spread over several batches: `part` makes the completion
 * for `count` records from `first` on, which lie at `delta` in their batch.
 */
export interface GroupCompletion {
  part(first: number, count: number, delta: number): AppendCompletion;
  failed(error: unknown): void;
}
