import type { KafkaState } from '../state/kafka-state.js';

/** Ids taken out of the store at once, so that not every producer costs a durable write. */
const BLOCK = 1_000;
const KEY = 'producer-ids';

/** Gives every producer an id that was never given before, over restarts too. */
export class ProducerIds {
  private next = 0;
  private end = 0;
  private refill: Promise<void> | undefined;

  constructor(private readonly state: KafkaState) {}

  async allocate(): Promise<number> {
    while (this.next >= this.end) await (this.refill ??= this.takeBlock());
    return this.next++;
  }

  private async takeBlock(): Promise<void> {
    try {
      const start = (await this.state.get<{ next: number }>(KEY))?.next ?? 0;
      await this.state.put(KEY, { next: start + BLOCK });
      this.next = start;
      this.end = start + BLOCK;
    } finally {
      this.refill = undefined;
    }
  }
}
