/** A partition stays the one for this many bytes, if nothing else moves messages on before. */
export const STICKY_BYTES = 64 * 1024;

/** What routing asks of a partition. */
export interface RoutingTarget {
  /** Nothing can be published to one that is not `open`. */
  readonly state: string;
  /** Groups of messages whose write has begun. */
  readonly writes: number;
  /** A write is under way, or about to begin: what comes now waits for the next one. */
  readonly isWriting: boolean;
}

/**
 * Keeps messages without a key together, so that they share a write instead of making one each: all go to one partition
 * until what has gathered there is written, or {@link STICKY_BYTES} have gone to it. The next partition is the one that
 * got the fewest bytes so far, so that none ever is more than that and one message ahead of another, however fast or
 * slow its storage is. Where messages come one by one, each is its own group, and they go round.
 */
export class StickyTurn {
  private current = -1;
  /** Bytes since the last move. */
  private bytes = 0;
  /** The target's `writes` at the last move. */
  private since = 0;
  /** The target's `writes` when what gathers there is on its way. */
  private until = 0;
  /** Bytes each partition got so far. */
  private readonly routed: number[] = [];

  /** @param random where it begins, from 0 to below 1: not always at the same partition after a restart */
  constructor(private readonly random: () => number = Math.random) {}

  /** The partition of a message that takes so many bytes. */
  next(bytes: number, targets: readonly RoutingTarget[]): number {
    const target = targets[this.current];
    if (target === undefined || !this.stays(target)) this.move(targets);
    this.bytes += bytes;
    this.routed[this.current]! += bytes;
    return this.current;
  }

  private stays({ state, writes, isWriting }: RoutingTarget): boolean {
    if (state !== 'open' || this.bytes >= STICKY_BYTES) return false;
    return writes === this.since || (isWriting && writes < this.until);
  }

  private move(targets: readonly RoutingTarget[]): void {
    this.admit(targets.length);
    const before = this.current < 0 ? Math.floor(this.random() * targets.length) : this.current;
    this.current = this.least(targets, before, true) ?? this.least(targets, before, false)!;
    const { writes, isWriting } = targets[this.current]!;
    this.bytes = 0;
    this.since = writes;
    // The first message finds an idle partition's write, and is gone with it: those after it gather for the next.
    this.until = writes + (isWriting ? 1 : 2);
  }

  /** Partitions that were added begin level with the others: they do not get everything until they have caught up. */
  private admit(count: number): void {
    const least = this.routed.length === 0 ? 0 : Math.min(...this.routed);
    while (this.routed.length < count) this.routed.push(least);
  }

  /** The partition with the fewest bytes; of several the next one in order. */
  private least(targets: readonly RoutingTarget[], before: number, openOnly: boolean): number | undefined {
    let least: number | undefined;
    for (let step = 1; step <= targets.length; step++) {
      const at = (before + step) % targets.length;
      if (openOnly && targets[at]!.state !== 'open') continue;
      if (least === undefined || this.routed[at]! < this.routed[least]!) least = at;
    }
    return least;
  }
}
