import type { LogFormat } from '../format/log-format.js';
import { Group, type Place } from './group.js';

/** A group is complete at this size, so that one write stays short and its buffer small. */
const MAX_GROUP_BYTES = 4 << 20;

/** Something that runs alone, between groups. */
export interface Task {
  readonly run: () => Promise<void>;
  readonly settle: (error?: Error) => void;
  /** If it succeeds, it leaves the log empty. */
  readonly empties: boolean;
}

export interface QueueOptions {
  readonly format: LogFormat;
  /** Size in bytes at which the log rotates to the next file; Infinity for a log of one file. */
  readonly rotateAt: number;
  /** How much of the file will be on stable storage when a group that starts there is written after `before`. */
  readonly syncedFor: (place: Omit<Place, 'synced'>, before: Group | Task | undefined) => number;
}

/** Groups and tasks waiting to run, and where each group will stand if everything before it succeeds. */
export class GroupQueue {
  private readonly waiting: (Group | Task)[] = [];
  private gathering: Group | undefined;
  /** Where the next item will stand. */
  private next: { start: number; generation: number; sequence: number };

  constructor(
    private readonly options: QueueOptions,
    next: Omit<Place, 'synced'>,
  ) {
    this.next = { ...next };
  }

  /** Size in bytes that the current file will have once everything queued is written. */
  get plannedEnd(): number {
    return this.next.start;
  }

  get head(): Group | Task | undefined {
    return this.waiting[0];
  }

  /** The group that an item of this size joins; reserves the item's space. A new group is queued last. */
  groupFor(size: number): Group {
    const { format, rotateAt, syncedFor } = this.options;
    const { next } = this;
    const isForNextFile = next.start + size > rotateAt && next.start > format.headBytes;
    let group = this.gathering;
    if (group === undefined || isForNextFile || group.length + size > MAX_GROUP_BYTES) {
      if (isForNextFile) {
        next.start = format.headBytes;
        next.generation++;
      }
      group = new Group(format, { ...next, synced: syncedFor(next, this.waiting.at(-1)) });
      this.gathering = group;
      this.waiting.push(group);
    }
    next.start += size;
    next.sequence++;
    return group;
  }

  /** Queues a task. Later writes go to a new group, planned for an empty log if the task empties it. */
  push(task: Task): void {
    this.gathering = undefined;
    this.waiting.push(task);
    if (task.empties) this.next = this.emptied(this.next);
  }

  /** Puts a task before everything queued. */
  pushFirst(task: Task): void {
    this.waiting.unshift(task);
  }

  /** Removes the head; nothing joins it any more. */
  take(): void {
    if (this.waiting.shift() === this.gathering) this.gathering = undefined;
  }

  /** Removes a group that is refused; a task put before it meanwhile stays. */
  refuse(group: Group): void {
    this.waiting.splice(this.waiting.indexOf(group), 1);
    if (group === this.gathering) this.gathering = undefined;
  }

  /** After a failure or a task, planned positions no longer hold; groups are resealed when they are written. */
  replan(next: Omit<Place, 'synced'>): void {
    this.next = { ...next };
    for (const waiting of this.waiting) {
      if (waiting instanceof Group) {
        this.next.start += waiting.length;
        this.next.sequence += waiting.items;
      } else if (waiting.empties) this.next = this.emptied(this.next);
    }
  }

  private emptied({ generation, sequence }: Omit<Place, 'synced'>): Omit<Place, 'synced'> {
    return { start: this.options.format.headBytes, generation: generation + 1, sequence };
  }
}
