import type { Clock } from '../clock.js';
import { HandlerTimeoutError } from '../delivery-errors.js';
import type { TopicsEvents } from '../events.js';
import type { Delivery } from './delivery.js';
import { HandlerWatch, type OverdueListener } from './handler-watch.js';

/** Interval of the check whether a member that left may come back. */
const RETURN_MS = 1_000;
/**
 * With this many hanging calls a member does not come back until one has ended, so that memory stays bounded.
 */
const MAX_HANGING = 10;

/** The membership that is lost when a handler hangs. */
export interface LimitedMember {
  memberId(): string;
  /** Number of members in the group. */
  groupSize(): number;
  /** Releases all partitions, the call's without waiting for its handlers, and leaves the group. */
  withdraw(hanging: Delivery, error: HandlerTimeoutError): Promise<void>;
  comeBack(): void;
}

/**
 * Limits how long a member's handlers may take. When a call's time is over, its signal aborts. If it still
 * does not end, the member leaves its group: others get its partitions, and nothing the call still does is
 * committed.
 *
 * The member comes back when no call hangs any more, or at once if the group has no other member, because
 * nobody else would handle its partitions.
 */
export class HandlerLimit implements OverdueListener {
  readonly watch: HandlerWatch;
  private readonly ending = new AbortController();
  private isAway = false;

  constructor(
    private readonly group: string,
    private readonly limitMs: number,
    private readonly clock: Clock,
    private readonly events: TopicsEvents,
    private readonly member: LimitedMember,
  ) {
    this.watch = new HandlerWatch(limitMs, clock, this);
  }

  /** @internal */
  overdue(call: Delivery): void {
    const { group, limitMs: timeoutMs } = this;
    const memberId = this.member.memberId();
    const { topic, partition, offset, attempt } = call;
    this.events.send('handler-timeout', { group, memberId, topic, partition, offset, attempt, timeoutMs });
    call.abort(this.errorOf(call));
  }

  /** @internal */
  hangs(call: Delivery): void {
    if (this.isAway || this.ending.signal.aborted) return;
    this.isAway = true;
    void this.leave(call);
  }

  end(): void {
    this.ending.abort();
    this.watch.end();
  }

  private async leave(call: Delivery): Promise<void> {
    const { signal } = this.ending;
    await this.member.withdraw(call, this.errorOf(call));
    while (!this.mayComeBack() && !signal.aborted) {
      await this.clock.sleep(RETURN_MS, signal, { deadline: true });
    }
    this.isAway = false;
    if (!signal.aborted) this.member.comeBack();
  }

  private mayComeBack(): boolean {
    const { hangingCalls } = this.watch;
    return hangingCalls === 0 || (this.member.groupSize() === 0 && hangingCalls < MAX_HANGING);
  }

  private errorOf({ topic, partition, offset }: Delivery): HandlerTimeoutError {
    return new HandlerTimeoutError(this.group, topic, partition, offset, this.limitMs);
  }
}
