import { BrokerError, type BrokerClient, type ReceivedMessage } from './broker-client.js';
import type { BrokerProcess } from './broker-process.js';
import { rowOf } from './datasets.js';
import { isConnectionLost } from './loader.js';

/** Messages handled between two commits. */
const COMMIT_EVERY = 100;

/** Where a group started to read a partition after a start of the broker. */
export interface Resumption {
  readonly start: number;
  readonly partition: number;
  /** The last confirmed and the last requested commit before; they differ if the broker died in between. */
  readonly confirmed: number;
  readonly asked: number;
  /** The offset that the broker reports as committed; 0 if it knows of no commit. */
  readonly committed: number;
  /** Offset of the first message received; undefined if there was none. */
  first?: number;
}

/** A member of a consumer group over HTTP: follows a topic, commits what it has handled, survives broker restarts. */
export class GroupReader {
  readonly rows = new Set<number>();
  readonly resumptions: Resumption[] = [];
  /** Offsets `from` to `to - 1` that retention dropped before they were read. */
  readonly lost: { partition: number; from: number; to: number }[] = [];
  received = 0;
  /** Repeated deliveries: the price of at-least-once delivery. */
  again = 0;
  /** Deliveries that left a gap after the previous one; must stay 0. */
  gaps = 0;
  private readonly next = new Map<number, number>();
  private readonly confirmed = new Map<number, number>();
  private readonly asked = new Map<number, number>();
  private ends: readonly number[] | undefined;
  private readonly finished = new AbortController();

  constructor(
    private readonly broker: BrokerProcess,
    private readonly topic: string,
    private readonly group: string,
    private readonly onMessage: (message: ReceivedMessage) => void = () => {},
  ) {}

  /** Reads until everything before the offsets given to `finishAt` is handled and committed. */
  async run(): Promise<void> {
    while (!this.finished.signal.aborted) {
      const client = await this.broker.client();
      try {
        const opened = await this.resume(client);
        for await (const event of client.stream(this.topic, this.group, this.finished.signal)) {
          if (event.type === 'lost') this.skip(event.lost);
          else this.handle(event.message, opened);
          if (this.uncommitted() >= COMMIT_EVERY || this.isFinished()) await this.commit(client);
          if (this.isFinished()) this.finished.abort();
        }
      } catch (error) {
        if (!this.finished.signal.aborted && !isConnectionLost(error)) throw error;
      }
    }
  }

  /** @param ends the end offset of each partition */
  async finishAt(ends: readonly number[]): Promise<void> {
    this.ends = ends;
    if (!this.isFinished()) return;
    await this.commit(await this.broker.client());
    this.finished.abort();
  }

  private async resume(client: BrokerClient): Promise<Map<number, Resumption>> {
    const opened = new Map<number, Resumption>();
    if (client.start === 1) return opened;
    const known = await committedOffsets(client, this.topic, this.group);
    // Partitions without a commit are delivered again, from the beginning.
    this.next.clear();
    for (const partition of new Set([...known.keys(), ...this.asked.keys()])) {
      const committed = known.get(partition) ?? 0;
      const confirmed = this.confirmed.get(partition) ?? 0;
      const asked = this.asked.get(partition) ?? 0;
      const resumption = { start: client.start, partition, confirmed, asked, committed };
      opened.set(partition, resumption);
      this.resumptions.push(resumption);
      this.next.set(partition, committed);
    }
    return opened;
  }

  private handle(message: ReceivedMessage, opened: Map<number, Resumption>): void {
    const { partition, offset } = message;
    const resumption = opened.get(partition);
    if (resumption !== undefined) resumption.first ??= offset;
    if (offset !== (this.next.get(partition) ?? 0)) this.gaps++;
    this.next.set(partition, offset + 1);
    this.received++;
    const row = rowOf(message);
    if (this.rows.has(row)) this.again++;
    this.rows.add(row);
    this.onMessage(message);
  }

  private skip({ partition, from, to }: { partition: number; from: number; to: number }): void {
    this.lost.push({ partition, from, to });
    this.next.set(partition, to);
  }

  private async commit(client: BrokerClient): Promise<void> {
    const offsets = [...this.next].map(([partition, offset]) => ({ topic: this.topic, partition, offset }));
    if (offsets.length === 0) return;
    for (const { partition, offset } of offsets) this.asked.set(partition, offset);
    await client.commit(this.group, offsets);
    for (const { partition, offset } of offsets) this.confirmed.set(partition, offset);
  }

  private uncommitted(): number {
    let count = 0;
    for (const [partition, offset] of this.next) count += offset - (this.confirmed.get(partition) ?? 0);
    return count;
  }

  private isFinished(): boolean {
    return this.ends?.every((end, partition) => (this.next.get(partition) ?? 0) >= end) ?? false;
  }
}

/** Committed offsets by partition. */
async function committedOffsets(
  client: BrokerClient,
  topic: string,
  group: string,
): Promise<Map<number, number>> {
  const known = new Map<number, number>();
  try {
    for (const offset of (await client.group(group)).offsets) {
      if (offset.topic === topic && offset.committed !== null) known.set(offset.partition, offset.committed);
    }
    return known;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'GROUP_NOT_FOUND') return known;
    throw error;
  }
}
