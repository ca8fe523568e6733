import type { Clock } from '../clock.js';
import type { DeliveryRecord, TriedMessage } from './group.types.js';
import type { SuspectCall } from './suspect-calls.js';
import type { Entry } from './unfinished.js';

/** How many messages are handled one by one after a process ended unexpectedly. */
const MAX_SUSPECTS = 1_000;
/**
 * Messages whose tries are stored: those with the lowest offsets, which no commit passes before they are
 * done.
 */
const MAX_TRIED = 32;
/**
 * After this many times the limit, a message is given up on even if others were suspect too: no message may
 * end processes for ever.
 */
const IN_COMPANY = 3;

/** Where a consumer starts, and the stored delivery state. @internal */
export interface StartPlace {
  readonly offset: number;
  readonly deliveries?: DeliveryRecord | undefined;
}

/**
 * Counts the tries of a partition's messages, so that the counts outlive the member and the process.
 *
 * A handler that ends its process leaves no trace, and a write before every call would slow down every
 * message. So the partition is marked as in hand once, before a member's first message, and the mark is
 * removed when the member releases the partition.
 *
 * A mark found at a start means that a process ended in the middle of some message, and nobody knows which.
 * The messages from there on are then handled one by one, and each is recorded before its handler is called.
 * If the process ends again, the recorded message was in its handler.
 *
 * If handlers of several partitions were running, the record says so and blames none of them:
 * {@link SuspectCalls} runs such messages alone from then on.
 */
export class DeliveryHistory {
  /** Stored tries of messages that have not been read again yet, by offset. */
  private readonly earlier = new Map<number, TriedMessage>();
  /** Held messages that were tried before. */
  private readonly tried = new Set<Entry>();
  private inHandler: Entry | undefined;
  private suspectCall: SuspectCall | undefined;
  private inHand = false;
  /** Messages below this offset are handled one by one. */
  private suspectsEnd = 0;

  /**
   * @param limit interruptions after which a message is given up on; with `Infinity` no mark is written and
   *   no message is suspect
   */
  constructor(
    private readonly limit: number,
    private readonly clock: Clock,
  ) {}

  /** Starts where a member stopped, cleanly or not. */
  begin({ offset: from, deliveries }: StartPlace, endOffset: number): void {
    this.inHand = deliveries?.inHand ?? false;
    if (this.inHand) this.suspectsEnd = Math.min(endOffset, from + MAX_SUSPECTS);
    for (const message of deliveries?.tries ?? []) {
      if (message.offset < from) continue;
      this.earlier.set(message.offset, message);
      if (message.interrupted > 0) this.suspectsEnd = Math.max(this.suspectsEnd, message.offset + 1);
    }
    if (this.limit === Infinity) this.suspectsEnd = 0;
    this.passed(from);
  }

  /** Whether the mark must be written before a message is handled. */
  get mustNote(): boolean {
    return !this.inHand && this.limit !== Infinity;
  }

  /** Whether there are messages that must be handled one by one. */
  get isSuspicious(): boolean {
    return this.suspectsEnd > 0;
  }

  /** Whether there is a mark to remove when the partition is released. */
  get isNoted(): boolean {
    return this.inHand;
  }

  /** Applies the stored tries to a message that was read. */
  restore(entry: Entry): void {
    if (this.earlier.size === 0) return;
    const { offset } = entry.message;
    const known = this.earlier.get(offset);
    if (known === undefined) return;
    this.earlier.delete(offset);
    entry.attempts = known.failed;
    entry.interrupted = known.interrupted;
    entry.alone = known.alone ?? 0;
    entry.firstFailedAt = known.firstFailedAt;
    this.tried.add(entry);
  }

  /** Sets the mark; the caller writes it. */
  takeInHand(): void {
    this.inHand = true;
  }

  /** Whether the message must be handled one by one. */
  suspects({ message }: Entry): boolean {
    return message.offset < this.suspectsEnd;
  }

  /** Everything below this offset is done. */
  passed(offset: number): void {
    if (offset >= this.suspectsEnd) this.suspectsEnd = 0;
  }

  isGivenUp({ interrupted, alone }: Entry): boolean {
    return alone >= this.limit || interrupted >= this.limit * IN_COMPANY;
  }

  /** The handler is about to be called; the caller writes this first. */
  begun(entry: Entry, call: SuspectCall): void {
    this.inHandler = entry;
    this.suspectCall = call;
  }

  returned(): void {
    this.inHandler = this.suspectCall = undefined;
  }

  failed(entries: readonly Entry[]): void {
    for (const entry of entries) this.tried.add(entry);
  }

  /** The handler of these messages hangs and is abandoned. */
  interrupted(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry === this.inHandler) this.returned();
      entry.interrupted++;
      entry.alone++;
      if (entry.firstFailedAt === 0) entry.firstFailedAt = this.clock.now();
      this.tried.add(entry);
    }
  }

  done(entry: Entry): void {
    if (this.tried.size > 0) this.tried.delete(entry);
  }

  /**
   * The delivery state to store beside the committed offset.
   * @param ended the partition is not in hand any more
   */
  record(ended: boolean): DeliveryRecord | undefined {
    const inHand = this.inHand && !ended;
    const tries = this.tries();
    if (!inHand && tries.length === 0) return undefined;
    return { ...(inHand && { inHand }), ...(tries.length > 0 && { tries }) };
  }

  private tries(): TriedMessage[] {
    const { inHandler } = this;
    if (inHandler === undefined && this.tried.size === 0 && this.earlier.size === 0) return [];
    const tries = [...this.earlier.values()];
    for (const entry of this.tried) if (entry !== inHandler) tries.push(triedMessage(entry));
    tries.sort((a, b) => a.offset - b.offset);
    if (inHandler !== undefined) tries.unshift(this.interruption(inHandler));
    return tries.slice(0, MAX_TRIED);
  }

  /** The tries as they will be if the process ends in this handler. */
  private interruption(entry: Entry): TriedMessage {
    const { interrupted, alone = 0, firstFailedAt, ...tried } = triedMessage(entry);
    return {
      ...tried,
      interrupted: interrupted + 1,
      alone: alone + (this.suspectCall?.isAlone === true ? 1 : 0),
      firstFailedAt: firstFailedAt || this.clock.now(),
    };
  }
}

function triedMessage({ message, attempts, interrupted, alone, firstFailedAt }: Entry): TriedMessage {
  const tried = { offset: message.offset, failed: attempts, interrupted, firstFailedAt };
  return alone > 0 ? { ...tried, alone } : tried;
}
