import { randomInt } from 'node:crypto';
import type { KafkaState } from '../state/kafka-state.js';

/** Ids taken out of the store at once, so that not every producer costs a durable write. */
const BLOCK = 1_000;
const KEY = 'producer-ids';
/** Where the first block of a state without one may lie. */
const FIRST_BLOCKS = 2 ** 40;
/** So many blocks may be left out by a start. */
const LEFT_OUT_BLOCKS = 2 ** 20;

/**
 * Gives every producer an id that was never given before, over restarts too. Logs may outlive the state in which that is
 * written down (topics on another adapter, a directory taken in): the first message of a new producer must not pass
 * for that of an old one which they still tell of, and be answered without being stored. So the ids begin anywhere, are
 * on stable storage before they are given, whatever `sync` says, and every start leaves some out: its state may be a
 * copy from before the last ones were given.
 */
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
      const start = await this.startOfBlock();
      await this.state.put(KEY, { next: start + BLOCK });
      await this.state.sync();
      this.next = start;
      this.end = start + BLOCK;
    } finally {
      this.refill = undefined;
    }
  }

  private async startOfBlock(): Promise<number> {
    const known = (await this.state.get<{ next: number }>(KEY))?.next;
    if (known === undefined) return randomInt(FIRST_BLOCKS) * BLOCK;
    return this.end > 0 ? known : known + randomInt(1, LEFT_OUT_BLOCKS) * BLOCK;
  }
}
