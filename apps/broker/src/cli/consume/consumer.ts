import { GenRocksError, InvalidArgumentError, isGenRocksError } from '@genrocks/storage';
import type { PartitionOffsetJson, TopicJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import type { Progress } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { type Cursor, type MessagePage, readPages } from './page-reader.js';
import type { Sink } from './sink.js';

export interface ConsumeOptions {
  readonly topic: TopicJson;
  readonly group?: string | undefined;
  /** Where to start a partition without a known position. */
  readonly from: string;
  readonly limit: number;
  readonly follow: boolean;
  /** Only these partitions. Default: all. */
  readonly partitions?: readonly number[] | undefined;
  /** Where an earlier run stopped. */
  readonly resumed?: readonly PartitionOffsetJson[] | undefined;
  readonly signal: AbortSignal;
}

export interface ConsumeReport {
  readonly topic: string;
  readonly consumed: number;
  /** The next offset to read, for each partition. */
  readonly offsets: readonly PartitionOffsetJson[];
}

/** Interval at which progress is made durable and committed, in milliseconds. */
const CHECKPOINT_EVERY_MS = 1_000;

/** Reads messages into a sink. Commits for a group only what is safe in the sink. */
export class Consumer {
  private readonly offsets = new Map<number, number>();
  private readonly uncommitted = new Set<number>();
  private consumed = 0;
  private checkpointed = performance.now();

  constructor(
    private readonly client: BrokerClient,
    private readonly sink: Sink,
    private readonly options: ConsumeOptions,
    private readonly progress: Progress,
    private readonly terminal: Terminal,
  ) {}

  async run(): Promise<ConsumeReport> {
    const { topic, signal, limit } = this.options;
    const cursors = await this.cursors();
    // Partitions not selected in this run keep their position.
    for (const { partition, offset } of this.options.resumed ?? []) this.offsets.set(partition, offset);
    for (const { partition, offset } of cursors) this.offsets.set(partition, offset);
    const pages = readPages(this.client, cursors, {
      topic: topic.name,
      signal,
      onLost: (partition, from, to) =>
        this.terminal.note(
          `${topic.name}/${partition}: offsets ${from} to ${to - 1} were dropped by retention before they were read`,
        ),
      onRetry: ({ code, message }, pause) =>
        this.terminal.note(`${code}: ${message}; retrying in ${pause} ms`),
    });
    for await (const page of pages) {
      await this.take(page);
      // With --follow, show messages at once: the reader waits for more anyway.
      if (this.consumed >= limit) break;
      if (this.options.follow || performance.now() - this.checkpointed >= CHECKPOINT_EVERY_MS)
        await this.checkpoint();
    }
    await this.checkpoint();
    return { topic: topic.name, consumed: this.consumed, offsets: this.listed() };
  }

  private async take({ partition, messages, nextOffset }: MessagePage): Promise<void> {
    const left = this.options.limit - this.consumed;
    const taken = messages.length > left ? messages.slice(0, left) : messages;
    const bytes = await this.sink.write(taken);
    this.consumed += taken.length;
    this.offsets.set(partition, taken === messages ? nextOffset : taken.at(-1)!.offset + 1);
    this.uncommitted.add(partition);
    this.progress.add(taken.length, bytes);
  }

  private async checkpoint(): Promise<void> {
    this.checkpointed = performance.now();
    if (this.uncommitted.size === 0) return;
    await this.sink.checkpoint(this.listed());
    const { group, topic } = this.options;
    if (group !== undefined) {
      const commits = [...this.uncommitted].map((partition) => ({
        topic: topic.name,
        partition,
        offset: this.offsets.get(partition)!,
      }));
      await this.client.commit(group, commits);
    }
    this.uncommitted.clear();
  }

  private listed(): PartitionOffsetJson[] {
    const listed = [...this.offsets].map(([partition, offset]) => ({ partition, offset }));
    return listed.sort((a, b) => a.partition - b.partition);
  }

  private async cursors(): Promise<Cursor[]> {
    const { topic, follow, from, partitions, resumed = [] } = this.options;
    const unknown = partitions?.find((index) => index >= topic.partition_count);
    if (unknown !== undefined)
      throw new InvalidArgumentError(
        `--partition: ${unknown} does not exist; ${topic.name} has 0 to ${topic.partition_count - 1}`,
      );
    const committed = await this.committed();
    const places = await this.client.offsets(topic.name, from);
    const ends = new Map(topic.partitions.map(({ partition, end_offset }) => [partition, end_offset]));
    const known = new Map(resumed.map(({ partition, offset }) => [partition, offset]));
    return places
      .filter(({ partition }) => partitions === undefined || partitions.includes(partition))
      .map(({ partition, offset }) => ({
        partition,
        offset: known.get(partition) ?? committed.get(partition) ?? offset,
        end: follow ? Infinity : (ends.get(partition) ?? 0),
      }));
  }

  /** The group's offsets. Refuses a group with members: they own the partitions that this reader would commit. */
  private async committed(): Promise<Map<number, number>> {
    const { group, topic } = this.options;
    const committed = new Map<number, number>();
    if (group === undefined) return committed;
    const found = await this.client.group(group).catch((error: unknown) => {
      if (isGenRocksError(error, 'GROUP_NOT_FOUND')) return undefined;
      throw error;
    });
    if (found === undefined) return committed;
    if (found.member_count > 0)
      throw new GenRocksError(
        'GROUP_NOT_EMPTY',
        `group ${group} has ${found.member_count} running member(s); stop them, or use another group`,
      );
    for (const { topic: name, partition, committed: offset } of found.offsets)
      if (name === topic.name && offset !== null) committed.set(partition, offset);
    return committed;
  }
}
