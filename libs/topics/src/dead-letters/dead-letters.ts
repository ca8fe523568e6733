import { isGenRocksError } from '@genrocks/storage';
import { LimitReachedError, messageOf } from '../errors.js';
import { KeyedMutex } from '../keyed-mutex.js';
import { type MetaSnapshot, type MetaStore, redrivenKey } from '../meta/meta-store.js';
import type { Partition } from '../partition/partition.js';
import { isUnreadable } from '../partition/unreadable.js';
import type { Topic } from '../topic.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  ListDeadLettersOptions,
  RedriveOptions,
  RedriveProblem,
  RedriveResult,
} from './dead-letter.types.js';
import { OffsetRanges } from './offset-ranges.js';
import { matchesFilter, parseDeadLetter } from './parse-dead-letter.js';
import { assertComplete, assertRunning, concernsOneOnly, originalOf, partitionIn } from './redriving.js';

/**
 * Dead letters redriven between two writes that record them. After a crash in between they are redriven
 * again.
 */
const PAGE = 200;
/** Most runs of offsets remembered per partition. */
const MAX_RANGES = 10_000;
/** Most problems listed in a result; further ones are only counted. */
const MAX_PROBLEMS = 100;

/** Progress of one redrive. */
class Tally implements RedriveResult {
  redriven = 0;
  skipped = 0;
  readonly problems: RedriveProblem[] = [];

  skip(partition: number, offset: number, topic: string | null, error: unknown): void {
    this.skipped++;
    if (this.problems.length >= MAX_PROBLEMS) return;
    const code = isGenRocksError(error) ? error.code : 'UNKNOWN';
    this.problems.push({ partition, offset, topic, code, reason: messageOf(error) });
  }

  get result(): RedriveResult {
    const { redriven, skipped, problems } = this;
    return { redriven, skipped, problems };
  }
}

/**
 * The messages that groups have given up on: lists them, and redrives them to the topics they came from.
 *
 * @publicApi
 */
export class DeadLetters {
  private readonly redriven = new Map<string, OffsetRanges>();
  private readonly mutex = new KeyedMutex();

  /** @internal */
  constructor(
    private readonly topic: (name: string) => Topic,
    private readonly meta: MetaStore,
  ) {}

  /** @internal */
  load(snapshot: MetaSnapshot): void {
    for (const { topicId, partition, ranges } of snapshot.redriven) {
      this.redriven.set(`${topicId}/${partition}`, new OffsetRanges(ranges));
    }
  }

  /**
   * Lists the dead letters in a topic, oldest first within each partition. Skips messages that are not dead
   * letters.
   * @throws `TOPIC_NOT_FOUND`, `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or the store's error
   */
  async list<T = unknown>(
    deadLetterTopic: string,
    options: ListDeadLettersOptions = {},
  ): Promise<DeadLetter<T>[]> {
    const { limit = 100, maxBytes = Infinity, ...filter } = options;
    const letters: DeadLetter<T>[] = [];
    let bytes = 0;
    for (const partition of this.topic(deadLetterTopic).partitions) {
      for await (const letter of this.matching<T>(deadLetterTopic, partition, filter)) {
        if (letters.length >= limit || bytes >= maxBytes) return letters;
        letters.push(letter);
        const { keyBytes, valueBytes } = letter.message;
        bytes += (keyBytes?.length ?? 0) + (valueBytes?.length ?? 0);
      }
    }
    return letters;
  }

  /**
   * Redrives dead letters: publishes them again to the topics they came from. Each is redriven once, except
   * that a crash may repeat up to 200 of them. A message that fails again becomes a new dead letter.
   *
   * A keyed message goes to the partition its key belongs to now. A message without a key, or of a topic with
   * custom routing, goes to its old partition if that still exists.
   *
   * A dead letter that cannot be redriven stays where it is and does not stop the others, and neither does a
   * partition whose store could not be opened; `problems` of the result states the reason.
   * @throws `TOPIC_NOT_FOUND`, `TOPIC_STOPPED` (for the dead-letter topic and for `to`), `LIMIT_REACHED`,
   *   `BACKPRESSURE`, or the store's error
   */
  redrive(deadLetterTopic: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    return this.mutex.run(deadLetterTopic, async () => {
      const tally = new Tally();
      for (const partition of this.topic(deadLetterTopic).partitions) {
        await this.redrivePartition(deadLetterTopic, partition, options, tally);
      }
      return tally.result;
    });
  }

  private async redrivePartition(
    name: string,
    partition: Partition,
    options: RedriveOptions,
    tally: Tally,
  ): Promise<void> {
    const { limit = Infinity, signal } = options;
    const { index } = partition;
    let page: DeadLetter[] = [];
    if (partition.state === 'failed') return noteFailed(partition, tally);
    const skipUnreadable = (offset: number, error: unknown) => tally.skip(index, offset, null, error);
    for await (const letter of this.matching(name, partition, options, skipUnreadable)) {
      if (tally.redriven + page.length >= limit || signal?.aborted === true) break;
      if (letter.redriven || !this.mayGo(letter, name, options, tally)) continue;
      if (page.push(letter) < PAGE) continue;
      await this.putBack(name, index, page, options, tally);
      page = [];
    }
    await this.putBack(name, index, page, options, tally);
  }

  /** Whether the dead letter can be redriven, as far as that is known in advance. */
  private mayGo(letter: DeadLetter, name: string, { to }: RedriveOptions, tally: Tally): boolean {
    if (to !== undefined) assertRunning(this.topic(to));
    try {
      assertComplete(letter, name, to);
      assertRunning(this.topic(to ?? letter.topic));
      return true;
    } catch (error) {
      const { partition, offset } = letter.message;
      tally.skip(partition, offset, letter.topic, error);
      return false;
    }
  }

  private async putBack(
    name: string,
    partition: number,
    letters: readonly DeadLetter[],
    { to, dryRun = false }: RedriveOptions,
    tally: Tally,
  ): Promise<void> {
    if (dryRun) tally.redriven += letters.length;
    if (dryRun || letters.length === 0) return;
    const { id } = this.topic(name);
    const ranges = this.rangesOf(name, partition);
    ranges.cut(this.topic(name).partition(partition).startOffset);
    if (ranges.count + letters.length > MAX_RANGES)
      throw new LimitReachedError(
        `the redriven offsets of ${name}/${partition} would form too many separate runs`,
        MAX_RANGES,
        'redrive the dead letters in between too, without a filter',
      );
    // All are published at once, in order. Only those that succeed are recorded as redriven.
    const results = await Promise.allSettled(
      letters.map(async (letter) => {
        const target = this.topic(to ?? letter.topic);
        await target.publishRecord(originalOf(letter.message), partitionIn(target, letter));
      }),
    );
    const failures: unknown[] = [];
    for (const [i, one] of results.entries()) {
      const { message, topic } = letters[i]!;
      if (one.status === 'fulfilled') ranges.add(message.offset);
      else if (concernsOneOnly(one.reason)) tally.skip(partition, message.offset, topic, one.reason);
      else failures.push(one.reason);
      if (one.status === 'fulfilled') tally.redriven++;
    }
    await this.meta.write([{ key: redrivenKey(id, partition), value: ranges }]);
    this.redriven.set(`${id}/${partition}`, ranges);
    if (failures.length > 0) throw failures[0];
  }

  private async *matching<T>(
    name: string,
    partition: Partition,
    filter: DeadLetterFilter,
    onUnreadable: (offset: number, error: unknown) => void = () => {},
  ): AsyncIterable<DeadLetter<T>> {
    const ranges = this.rangesOf(name, partition.index);
    partition.assertOpen();
    const { endOffset } = partition;
    for (let offset = partition.startOffset; offset < endOffset;) {
      try {
        const read = await partition.readMessages<T>({ offset, limit: 500 });
        for (const message of read.messages) {
          if (message.offset >= endOffset) return;
          const letter = parseDeadLetter(message, ranges.has(message.offset));
          if (letter !== undefined && matchesFilter(letter, filter)) yield letter;
        }
        offset = read.nextOffset;
      } catch (error) {
        const nextOffset = await behind(partition, offset, error);
        if (partition.startOffset <= offset) onUnreadable(offset, error);
        offset = nextOffset;
      }
    }
  }

  private rangesOf(name: string, partition: number): OffsetRanges {
    return this.redriven.get(`${this.topic(name).id}/${partition}`) ?? new OffsetRanges();
  }
}

/** One problem for the whole partition: nobody knows how many dead letters are in it. */
function noteFailed(partition: Partition, tally: Tally): void {
  try {
    partition.assertOpen();
  } catch (error) {
    tally.skip(partition.index, partition.startOffset, null, error);
  }
}

/**
 * Where to continue after a read that failed permanently: after what retention dropped in the meantime, or
 * after unreadable bytes.
 * @throws the error if it may be temporary
 */
async function behind(partition: Partition, offset: number, error: unknown): Promise<number> {
  if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE') && partition.startOffset > offset) {
    return partition.startOffset;
  }
  if (!isUnreadable(error)) throw error;
  const { nextOffset } = await partition.unreadableAt(offset);
  if (nextOffset <= offset) throw error;
  return nextOffset;
}
