import type { Message } from '../message.js';

/** A message a member holds, from its fetch until it is done. */
export class Entry {
  /** Failed tries. */
  attempts = 0;
  /** Tries during which the process ended, or that hung and were abandoned. */
  interrupted = 0;
  /** Interrupted tries during which no other suspect message was in a handler. */
  alone = 0;
  /** When the first try failed, in milliseconds since 1970; 0 if none has. */
  firstFailedAt = 0;
  done = false;
  /** The handler call that has the message, or had it last. Acks of other calls are ignored. */
  current: object | undefined;
  /** @internal */
  before: Entry | undefined;
  /** @internal */
  behind: Entry | undefined;

  constructor(readonly message: Message) {}
}

/**
 * The unfinished messages of one partition, in offset order. Messages may finish in any order; a commit must
 * not pass the lowest unfinished one. Memory depends on the messages held, not on those finished.
 */
export class Unfinished {
  private first: Entry | undefined;
  private last: Entry | undefined;

  /** Offset of the lowest unfinished message; undefined if all are done. */
  get lowest(): number | undefined {
    return this.first?.message.offset;
  }

  /** @param message its offset must be higher than all added before */
  add(message: Message): Entry {
    const entry = new Entry(message);
    entry.before = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.behind = entry;
    this.last = entry;
    return entry;
  }

  /** True if this was the lowest unfinished message. */
  finish(entry: Entry): boolean {
    const { before, behind } = entry;
    entry.done = true;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.last = before;
    else behind.before = before;
    entry.before = entry.behind = undefined;
    return before === undefined;
  }
}
