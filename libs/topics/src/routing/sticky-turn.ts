/** A partition is current for at most this many bytes. */
export const STICKY_BYTES = 64 * 1024;

/** What routing needs to know of a partition. */
export interface RoutingTarget {
  /** Only an `open` partition can be published to. */
  readonly state: string;
  /** Number of message groups whose write has begun. */
  readonly writes: number;
  /** A write is in progress or about to begin: new messages wait for the next one. */
  readonly isWriting: boolean;
}

/**
 * Keeps messages without a key together, so that they share writes: all go to one partition until those gathered there are
 * written, or {@link STICKY_BYTES} have gone to it. The next partition is the one that got the fewest bytes so far, so no
 * partition is ever more than {@link STICKY_BYTES} and one message ahead of another, however fast or slow its storage is.
 * Messages that come one by one each form their own group, and go round robin.
 */
export class StickyTurn {
  private current = -1;
  /** Bytes since the last move. */
  private bytes = 0;
  /** The target's `writes` at the last move. */
  private since = 0;
  /** The target's `writes` once the write of the messages gathered there has begun. */
  private until = 0;
  /** Bytes routed to each partition so far. */
  private readonly routed: number[] = [];

  /** @param random chooses the first partition, from 0 to below 1, so that restarts do not favor one partition */
  constructor(private readonly random: () => number = Math.random) {}

  /** The partition for a message of this size. */
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
    // On an idle partition, the first message is written at once; the messages after it gather for the next write.
    this.until = writes + (isWriting ? 1 : 2);
  }

  /** New partitions begin level with the others; otherwise they would get everything until they had caught up. */
  private admit(count: number): void {
    const least = this.routed.length === 0 ? 0 : Math.min(...this.routed);
    while (this.routed.length < count) this.routed.push(least);
  }

  /** The partition with the fewest bytes; of several, the next in order. */
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
