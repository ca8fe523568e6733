import type { GroupOffsets } from './groups/group-offsets.js';
import type { Topic } from './topic.js';

interface Topics {
  has(name: string): boolean;
  get(name: string): Topic;
}

/**
 * Tells each store the lowest offset that a group still needs, for stores that refuse to drop unread entries. Changes that
 * arrive while a store is being told are passed on together.
 */
export class RetentionGuard {
  private readonly busy = new Map<string, { again: boolean }>();

  constructor(
    private readonly topics: Topics,
    private readonly offsets: GroupOffsets,
    private readonly onError: (error: unknown) => void,
  ) {}

  opened(topic: Topic): void {
    for (const { index } of topic.partitions) {
      if (this.offsets.range(topic.name, index) !== null) this.changed(topic.name, index);
    }
  }

  changed(topic: string, partition: number): void {
    const key = `${topic}\0${partition}`;
    const running = this.busy.get(key);
    if (running !== undefined) {
      running.again = true;
      return;
    }
    const task = { again: false };
    this.busy.set(key, task);
    void this.tell(topic, partition, task).finally(() => this.busy.delete(key));
  }

  private async tell(topic: string, index: number, task: { again: boolean }): Promise<void> {
    do {
      task.again = false;
      const partition = this.topics.has(topic) ? this.topics.get(topic).partitions[index] : undefined;
      if (partition?.state !== 'open') return;
      try {
        await partition.retainFrom(this.offsets.range(topic, index)?.lowest ?? null);
      } catch (error) {
        if (partition.state === 'open') this.onError(error);
      }
    } while (task.again);
  }
}
