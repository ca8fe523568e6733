/** How record batches are appended. */
export interface AppendOptions {
  /**
   * The caller lets the base offset be set in its bytes, and leaves them alone until the promise has settled: so long
   * they are read, and no longer, and no copy is needed. Default false.
   */
  lent?: boolean;
  /** Hears what becomes of the batch before anybody else does, and may hold it back. */
  claim?: AppendClaim;
}

/**
 * Goes with a batch through its partition's queue. It is called between two writes, in the order of the log, and nothing
 * of the queue happens before a call has returned: what one batch's claim learns, the next one can answer by.
 */
export interface AppendClaim {
  /**
   * Asked once when the batch's turn to be written has come; an error fails it with that, and nothing of it is stored.
   * For batches that make no sense without others before them, which have failed meanwhile.
   */
  refusal(): Error | undefined;
  /** It is stored, from this offset on. */
  stored(baseOffset: number): void;
  /** Nothing of it was stored, or the store does not know; called too where the batch is refused at once. */
  failed(error: unknown): void;
}

/** Where an appended batch lies. */
export interface AppendResult {
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** Offset of the last record. */
  readonly lastOffset: number;
  /** Earliest offset readable. */
  readonly startOffset: number;
}
