import { Injectable } from '@nestjs/common';
import { MessageValue, Subscribe, TopicsService } from '@genrocks/topics';

@Injectable()
export class OrderHandlers {
  readonly billed: number[] = [];
  readonly shipped: number[] = [];
  readonly seen: number[] = [];

  constructor(private readonly topics: TopicsService) {}

  /** Each group gets every order, at its own pace. */
  @Subscribe('orders', { group: 'billing' })
  bill(@MessageValue() { id }: { id: number }) {
    this.billed.push(id);
  }

  /** Eight orders of different keys at once per partition; those of one key stay in order. */
  @Subscribe('orders', { group: 'shipping', concurrency: 8 })
  ship(@MessageValue() { id }: { id: number }) {
    this.shipped.push(id);
  }

  /** Another member of a group: it shares the partitions with the others. */
  joinShipping() {
    return this.topics.startConsumerGroup<{ id: number }>({
      group: 'shipping',
      topics: ['orders'],
      handler: ({ value }) => void this.shipped.push(value.id),
    });
  }

  /** All matching topics, including those created later; only messages from now on. */
  @Subscribe('orders.*', { group: 'audit', from: 'latest' })
  audit(@MessageValue() { id }: { id: number }) {
    this.seen.push(id);
  }

  /** Where the group would begin again. Without `dryRun` it moves there; no member may run then. */
  async billAgain(since: Date) {
    return this.topics.groups.resetOffsets('billing', { to: { timestamp: since.getTime() }, dryRun: true });
  }
}
