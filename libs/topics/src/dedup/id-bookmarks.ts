import { dedupKey, type MetaChange, type MetaSnapshot, type MetaStore } from '../meta/meta-store.js';

/** Messages below the offset were published before the time, ms since 1970. */
export type Bookmark = readonly [time: number, offset: number];

/** With a new one at least every half window, the oldest of three is a whole window old. */
const KEPT = 3;

/**
 * Tells from which offset a partition has to be read to know all ids of the last window. Timestamps cannot: anybody may
 * set them. Bookmarks may be lost without harm but a longer read; there is one from before the first id on.
 */
export class IdBookmarks {
  private readonly marks = new Map<string, readonly Bookmark[]>();

  constructor(private readonly meta: MetaStore) {}

  load({ bookmarks }: MetaSnapshot): void {
    for (const { topicId, partition, marks } of bookmarks) this.marks.set(`${topicId}/${partition}`, marks);
  }

  /**
   * Where to begin reading to know what was published after a time, ms since 1970. Where no bookmark is that old, the
   * oldest is the one from before the first id.
   */
  startOf(topicId: string, partition: number, before: number): number {
    const marks = this.marks.get(`${topicId}/${partition}`) ?? [];
    const mark = marks.findLast(([time]) => time <= before) ?? marks[0];
    return mark === undefined ? 0 : mark[1];
  }

  /** What lies below the offset was published before the time; durable some time later, or never. */
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
   * Partitions whose ids count from their end on, and those whose end lies before a bookmark (it was lost in a crash that
   * took what was not synced, and its offsets will be given again). Durable when it resolves.
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

  /** What has to be removed with a topic, or when it counts ids no longer. */
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
