import { randomInt } from 'node:crypto';
import type { KafkaState } from '../state/kafka-state.js';

/** Ids reserved by one durable write. */
const BLOCK = 1_000;
const KEY = 'producer-ids';
/** The number of blocks among which a new state picks its first one. */
const FIRST_BLOCKS = 2 ** 40;
/** A start skips fewer blocks than this. */
const LEFT_OUT_BLOCKS = 2 ** 20;

/**
 * Allocates producer ids that were never given out before, even across restarts.
 *
 * Logs may outlive this state (topics on another adapter, an adopted directory). If a new producer got an id that such
 * a log still contains, its first message could pass for a duplicate and be acknowledged without being stored.
 * Therefore ids start at a random block, are on stable storage before they are given out, whatever `sync` says, and
 * every start skips some blocks, since the state may be a copy from before the last ids were given out.
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
