import type { ConsumerGroup } from '../groups/consumer-group.js';
import type { GroupPartitionStats } from '../groups/group.types.js';

/** A partition with messages to handle, on which its member makes no progress. */
export interface StuckPartition {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly lag: number;
  /** Milliseconds since the first check that saw the current state. */
  readonly stuckMs: number;
}

interface Mark {
  readonly state: string;
  readonly since: number;
}

/**
 * Compares the progress of members from one check to the next. Nothing is measured between checks, so it costs nothing. A
 * partition can count as stuck from the second check on.
 */
export class Progress {
  private marks = new Map<string, Mark>();

  /** Partitions with messages to handle, none of which was read, handled, failed or committed for this long. */
  stuck(groups: readonly ConsumerGroup[], now: number, stuckMs: number): StuckPartition[] {
    const marks = new Map<string, Mark>();
    const stuck: StuckPartition[] = [];
    for (const group of groups) {
      if (group.state !== 'running') continue;
      for (const stats of group.stats().partitions) {
        if (stats.lag === 0 || stats.paused) continue;
        const { topic, partition, lag } = stats;
        const id = `${group.memberId}\0${topic}\0${partition}`;
        const state = stateOf(stats);
        const before = this.marks.get(id);
        const mark = before?.state === state ? before : { state, since: now };
        marks.set(id, mark);
        const ms = now - mark.since;
        if (ms >= stuckMs && before !== undefined) {
          stuck.push({ group: group.group, topic, partition, lag, stuckMs: ms });
        }
      }
    }
    this.marks = marks;
    return stuck;
  }
}

function stateOf({ received, handled, failed, deadLettered, committed }: GroupPartitionStats): string {
  return [received, handled, failed, deadLettered, committed].join();
}
