import { expect } from 'vitest';
import type { Topic } from '@genrocks/topics';
import type { BatchValue } from './fixtures/batches.mjs';

/** Every batch is wholly in its partitions or not at all, in one piece and once; those acknowledged are. */
export class BatchLedger {
  /** Messages by acknowledged batch. */
  readonly acknowledged = new Map<string, number>();
  /** Batches of which there is something, by partition, among them those that nobody was told of. */
  readonly found = new Map<string, number>();
  private run: Omit<BatchValue, 'padding'> | undefined;

  /** Takes the next message of a partition, in the order of the log. */
  take(value: BatchValue): void {
    const { batch, index, of } = value;
    const expected =
      this.run === undefined ? { batch, index: 0, of } : { ...this.run, index: this.run.index + 1 };
    expect({ batch, index, of }, 'the next message of a batch').toEqual(expected);
    this.run = index + 1 === of ? undefined : { batch, index, of };
    this.found.set(batch, (this.found.get(batch) ?? 0) + 1);
  }

  endPartition(): void {
    expect(this.run, 'a batch of which the end is missing').toBeUndefined();
  }

  async judge(topic: Topic): Promise<void> {
    for (const partition of topic.partitions) {
      for (let offset = partition.startOffset; offset < partition.endOffset;) {
        const page = await partition.readMessages<BatchValue>({ offset });
        for (const { value } of page.messages) this.take(value);
        offset = page.nextOffset;
      }
      this.endPartition();
    }
    this.judgeAcknowledged();
  }

  judgeAcknowledged(): void {
    const lost = [...this.acknowledged].filter(([batch, messages]) => this.found.get(batch) !== messages);
    expect(lost, 'acknowledged batches that are not wholly there, or twice').toEqual([]);
  }
}
