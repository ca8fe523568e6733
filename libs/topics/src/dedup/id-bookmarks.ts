import { dedupKey, type MetaChange, type MetaSnapshot, type MetaStore } from '../meta/meta-store.js';

/** Messages below `offset` were published before `time` (milliseconds since 1970). */
export type Bookmark = readonly [time: number, offset: number];

/**
 * Bookmarks are at least half a window apart, so the oldest of three is at least a window older than the
 * newest.
 */
const KEPT = 3;

/**
 * Stores from which offset a partition must be read to find all ids of the last window. Timestamps cannot
 * tell, because publishers may set them. Losing a bookmark only makes the read longer. The first one is
 * written before the first id.
 */
export class IdBookmarks {
  private readonly marks = new Map<string, readonly Bookmark[]>();

  constructor(private readonly meta: MetaStore) {}

  load({ bookmarks }: MetaSnapshot): void {
    for (const { topicId, partition, marks } of bookmarks) this.marks.set(`${topicId}/${partition}`, marks);
  }

  /**
   * Where to start reading to find everything published after a time (milliseconds since 1970). If no
   * bookmark is that old, the oldest one was written before the first id.
   */
  startOf(topicId: string, partition: number, before: number): number {
    const marks = this.marks.get(`${topicId}/${partition}`) ?? [];
    const mark = marks.findLast(([time]) => time <= before) ?? marks[0];
    return mark === undefined ? 0 : mark[1];
  }

  /**
   * Records that messages below the offset were published before the time. The write is not awaited, and may
   * be lost.
   */
  note(topicId: string, partition: number, time: number, offset: number, everyMs: number): void {
    const id = `${topicId}/${partition}`;
    const marks = this.marks.get(id) ?? [];
    const last = marks.at(-1);
    if (last !== undefined && time - last[0] < everyMs) return;
    const kept = [...marks, [time, offset] as const].slice(-KEPT);
    this.marks.set(id, kept);
    this.write(topicId, partition, kept).catch(() => this.marks.set(id, marks));
  }

  /**
   * Writes the first bookmark of partitions that have none, at their end. Drops bookmarks past the end of a
   * partition: a crash lost unsynced records there, and their offsets will be used again. Durable when it
   * resolves.
   */
  async begin(
    topicId: string,
    partitions: readonly { readonly index: number; readonly endOffset: number }[],
    now: number,
  ): Promise<void> {
    const changes: MetaChange[] = [];
    for (const { index, endOffset } of partitions) {
      const id = `${topicId}/${index}`;
      const marks = this.marks.get(id);
      const kept = marks?.filter(([, offset]) => offset <= endOffset) ?? [[now, endOffset] as const];
      if (kept.length === marks?.length) continue;
      this.marks.set(id, kept);
      changes.push({ key: dedupKey(topicId, index), value: kept });
    }
    await this.meta.write(changes);
  }

  /**
   * The changes that delete a topic's bookmarks, when the topic is deleted or its deduplication is turned
   * off.
   */
  forget(topicId: string, partitions: number): MetaChange[] {
    const changes: MetaChange[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      if (!this.marks.delete(`${topicId}/${partition}`)) continue;
      changes.push({ key: dedupKey(topicId, partition), value: null });
    }
    return changes;
  }

  private write(topicId: string, partition: number, marks: readonly Bookmark[]): Promise<void> {
    return this.meta.write([{ key: dedupKey(topicId, partition), value: marks }]);
  }
}
