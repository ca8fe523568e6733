/** How to append a record batch. */
export interface AppendOptions {
  /**
   * Lends the bytes instead of copying them: the partition sets the base offset in place, and the caller does
   * not change them until the promise has settled. They are not read after that. Default false.
   */
  lent?: boolean;
  /** Learns the fate of the batch before anybody else, and may refuse it before it is written. */
  claim?: AppendClaim;
}

/**
 * Accompanies a batch through its partition's queue. Its methods are called between two writes, in log order
 * and synchronously, so that the claim of a batch knows the outcome of those before it.
 */
export interface AppendClaim {
  /**
   * Called once, when it is the batch's turn to be written. A returned error fails the batch, and nothing of
   * it is stored. For batches that depend on earlier ones, which may have failed in the meantime.
   */
  refusal(): Error | undefined;
  /** The batch is stored, starting at this offset. */
  stored(baseOffset: number): void;
  /** The batch was not stored, or the store cannot tell. Also called if the batch is refused at once. */
  failed(error: unknown): void;
}

/** Where an appended batch was stored. */
export interface AppendResult {
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** Offset of the last record. */
  readonly lastOffset: number;
  /** The lowest offset that can be read. */
  readonly startOffset: number;
}
