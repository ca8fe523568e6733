import type { Message } from '../message.js';

/** A message a member holds, from when it was fetched until it is done. */
export class Entry {
  /** Tries that have failed. */
  attempts = 0;
  /** Tries that ended with their process, or were left to themselves because they hung. */
  interrupted = 0;
  /** Those of them in which no other message was in doubt. */
  alone = 0;
  /** When the first try failed, ms since 1970. */
  firstFailedAt = 0;
  done = false;
  /** The call of a handler that has it, or had it last; nobody else's word counts. */
  current: object | undefined;
  /** @internal */
  before: Entry | undefined;
  /** @internal */
  behind: Entry | undefined;

  constructor(readonly message: Message) {}
}

/**
 * The messages of one partition that are not done, in the order of their offsets. Whatever order they are finished
 * in, the lowest one left is what a commit must not pass. Memory is bound by what is held, not by what was finished.
 */
export class Unfinished {
  private first: Entry | undefined;
  private last: Entry | undefined;

  /** Offset of the lowest, undefined where all are done. */
  get lowest(): number | undefined {
    return this.first?.message.offset;
  }

  /** @param message with an offset above all before it */
  add(message: Message): Entry {
    const entry = new Entry(message);
    entry.before = this.last;
    if (this.last === undefined) this.first = entry;
    else this.last.behind = entry;
    this.last = entry;
    return entry;
  }

  /** True if that moved the lowest. */
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
