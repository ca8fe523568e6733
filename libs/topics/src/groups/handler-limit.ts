import type { Clock } from '../clock.js';
import { HandlerTimeoutError } from '../delivery-errors.js';
import type { TopicsEvents } from '../events.js';
import type { Delivery } from './delivery.js';
import { HandlerWatch, type OverdueListener } from './handler-watch.js';

/** Pause between looks whether a member that left may come back. */
const RETURN_MS = 1_000;
/** With so many calls that hang, a member does not come back before one has ended: memory has to be bounded. */
const MAX_HANGING = 10;

/** The membership that is lost where a handler hangs. */
export interface LimitedMember {
  memberId(): string;
  /** Members of the group, others included. */
  groupSize(): number;
  /** Lets go of everything, of the call's partition without waiting for its handlers, and leaves the group. */
  withdraw(hanging: Delivery, error: HandlerTimeoutError): Promise<void>;
  comeBack(): void;
}

/**
 * Bounds the time of a member's handlers. A call whose time is over is told so by its signal; where it does not end even
 * then, the member leaves its group, so that the others get its partitions, and nothing the call still does counts.
 *
 * It comes back when no call hangs any more; at once where it was the only one in its group, because nobody else would
 * go on with its partitions.
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
