import type { Clock } from '../clock.js';
import type { DeliveryRecord, TriedMessage } from './group.types.js';
import type { SuspectCall } from './suspect-calls.js';
import type { Entry } from './unfinished.js';

/** How many messages are handled one by one after an end out of order. */
const MAX_SUSPECTS = 1_000;
/** Messages whose tries are kept: those of the lowest offsets, which no commit passes before they are over. */
const MAX_TRIED = 32;
/** So many times the interruptions are enough, even if others were in doubt too: nothing is to end processes for ever. */
const IN_COMPANY = 3;

/** Where a consumer begins, and what is known of the tries before it. @internal */
export interface StartPlace {
  readonly offset: number;
  readonly deliveries?: DeliveryRecord | undefined;
}

/**
 * Counts the tries of a partition's messages so that the counts outlive the member, and the process, that made them.
 *
 * A handler that ends its process leaves no word behind, and a write before every call would make every message pay for it.
 * So a partition is noted as in hand once, before a member's first message, and that is taken back when the member lets
 * go of it. Found on a start, the note says that somebody ended in the middle of some message; nobody knows which. Then
 * the messages from there on are handled one by one, and each is noted before its handler is called: the one that is
 * noted on the next start was in its handler when the process ended. Where handlers of several partitions were, the note
 * says so, and convicts nobody: {@link SuspectCalls} has such messages handled alone from then on.
 */
export class DeliveryHistory {
  /** Of messages that were not read again yet, by offset. */
  private readonly earlier = new Map<number, TriedMessage>();
  /** Messages that are held and were tried before. */
  private readonly tried = new Set<Entry>();
  private inHandler: Entry | undefined;
  private suspectCall: SuspectCall | undefined;
  private inHand = false;
  /** Messages below are handled one by one. */
  private suspectsEnd = 0;

  /** @param limit interruptions after which a message is given up; with `Infinity` nothing is noted */
  constructor(
    private readonly limit: number,
    private readonly clock: Clock,
  ) {}

  /** Begins where a member stopped, in order or not. */
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

  /** Has to be noted before a message is handled. */
  get mustNote(): boolean {
    return !this.inHand && this.limit !== Infinity;
  }

  /** There are messages that have to be handled one by one. */
  get isSuspicious(): boolean {
    return this.suspectsEnd > 0;
  }

  /** There is something to take back when the partition is let go of. */
  get isNoted(): boolean {
    return this.inHand;
  }

  /** Has been read: finds its earlier tries. */
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

  /** To be noted. */
  takeInHand(): void {
    this.inHand = true;
  }

  /** Has to be handled alone. */
  suspects({ message }: Entry): boolean {
    return message.offset < this.suspectsEnd;
  }

  /** All below this offset is done. */
  passed(offset: number): void {
    if (offset >= this.suspectsEnd) this.suspectsEnd = 0;
  }

  isGivenUp({ interrupted, alone }: Entry): boolean {
    return alone >= this.limit || interrupted >= this.limit * IN_COMPANY;
  }

  /** Its handler is about to be called: to be noted before. */
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

  /** Their handler hangs, and is left to itself. */
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

  /** What is to be kept beside the committed offset. @param ended nothing is in hand any more */
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

  /** What will have been true if nobody takes it back. */
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
