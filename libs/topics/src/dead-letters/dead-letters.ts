import { LimitReachedError } from '../errors.js';
import { KeyedMutex } from '../keyed-mutex.js';
import type { Message } from '../message.js';
import { type MetaSnapshot, type MetaStore, redrivenKey } from '../meta/meta-store.js';
import type { Partition } from '../partition/partition.js';
import type { RecordInput } from '../records/batch-writer.js';
import type { Topic } from '../topic.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  ListDeadLettersOptions,
  RedriveOptions,
  RedriveResult,
} from './dead-letter.types.js';
import { DEAD_LETTER_PREFIX, DeadLetterHeader, REDRIVES_HEADER, textHeader } from './dead-letter-headers.js';
import { OffsetRanges } from './offset-ranges.js';

/** Dead letters put back before that is written down. A crash in between puts them back again. */
const PAGE = 200;
/** Runs of offsets remembered per partition. */
const MAX_RANGES = 10_000;

/**
 * The messages groups have given up on: to look at, and to put back where they came from.
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
   * What lies in a dead-letter topic, the oldest first; what else lies there is passed over.
   * @throws `TOPIC_NOT_FOUND`, `TOPIC_STOPPED`, or what the store says
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
   * Puts dead letters back into the topics they came from, each of them once: a message that fails again becomes a
   * new dead letter. A keyed message goes where its key belongs now, one without a key to its old partition.
   * @throws `TOPIC_NOT_FOUND`, `TOPIC_STOPPED`, `LIMIT_REACHED`, or what the store says
   */
  redrive(deadLetterTopic: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    return this.mutex.run(deadLetterTopic, async () => {
      const result = { redriven: 0, skipped: 0 };
      for (const partition of this.topic(deadLetterTopic).partitions) {
        await this.redrivePartition(deadLetterTopic, partition, options, result);
      }
      return result;
    });
  }

  private async redrivePartition(
    name: string,
    partition: Partition,
    options: RedriveOptions,
    result: { redriven: number; skipped: number },
  ): Promise<void> {
    const { limit = Infinity, dryRun = false, signal } = options;
    let page: DeadLetter[] = [];
    for await (const letter of this.matching(name, partition, options)) {
      if (result.redriven + page.length >= limit || signal?.aborted === true) break;
      if (letter.redriven) continue;
      if (letter.kind === 'bytes' || DeadLetterHeader.droppedBytes in letter.message.headers)
        result.skipped++;
      else if (page.push(letter) >= PAGE) {
        result.redriven += await this.putBack(name, partition.index, page, options, dryRun);
        page = [];
      }
    }
    result.redriven += await this.putBack(name, partition.index, page, options, dryRun);
  }

  private async putBack(
    name: string,
    partition: number,
    letters: readonly DeadLetter[],
    { to }: RedriveOptions,
    dryRun: boolean,
  ): Promise<number> {
    if (dryRun || letters.length === 0) return letters.length;
    const { id } = this.topic(name);
    const ranges = this.rangesOf(name, partition);
    ranges.cut(this.topic(name).partition(partition).startOffset);
    if (ranges.count + letters.length > MAX_RANGES)
      throw new LimitReachedError('redriven ranges', MAX_RANGES);
    // All of them are under way at once, in order; what failed is not counted as put back.
    const results = await Promise.allSettled(
      letters.map(async (letter) => {
        const target = this.topic(to ?? letter.topic);
        await target.publishRecord(original(letter.message), partitionIn(target, letter));
        return letter.message.offset;
      }),
    );
    for (const one of results) if (one.status === 'fulfilled') ranges.add(one.value);
    await this.meta.write([{ key: redrivenKey(id, partition), value: ranges }]);
    this.redriven.set(`${id}/${partition}`, ranges);
    for (const one of results) if (one.status === 'rejected') throw one.reason;
    return letters.length;
  }

  private async *matching<T>(
    name: string,
    partition: Partition,
    filter: DeadLetterFilter,
  ): AsyncIterable<DeadLetter<T>> {
    const ranges = this.rangesOf(name, partition.index);
    const { endOffset } = partition;
    for (let offset = partition.startOffset; offset < endOffset;) {
      const read = await partition.readMessages<T>({ offset, limit: 500 });
      for (const message of read.messages) {
        if (message.offset >= endOffset) return;
        const letter = parse(message, ranges.has(message.offset));
        if (letter !== undefined && matches(letter, filter)) yield letter;
      }
      offset = read.nextOffset;
    }
  }

  private rangesOf(name: string, partition: number): OffsetRanges {
    return this.redriven.get(`${this.topic(name).id}/${partition}`) ?? new OffsetRanges();
  }
}

function parse<T>(message: Message<T>, redriven: boolean): DeadLetter<T> | undefined {
  const { headers } = message;
  const text = (name: string) => headers[name] ?? '';
  const topic = headers[DeadLetterHeader.topic];
  if (topic === undefined) return undefined;
  const firstFailed = headers[DeadLetterHeader.firstFailedAt];
  return {
    message,
    kind: text(DeadLetterHeader.kind) === 'bytes' ? 'bytes' : 'message',
    reason: text(DeadLetterHeader.reason),
    error: text(DeadLetterHeader.error),
    topic,
    partition: Number(text(DeadLetterHeader.partition)),
    offset: Number(text(DeadLetterHeader.offset)),
    group: text(DeadLetterHeader.group),
    attempts: Number(text(DeadLetterHeader.attempts)),
    firstFailedAt: firstFailed === undefined ? null : Date.parse(firstFailed),
    lastFailedAt: Date.parse(text(DeadLetterHeader.lastFailedAt)),
    redrives: Number(text(REDRIVES_HEADER)),
    redriven,
  };
}

function matches(letter: DeadLetter, { topic, group, key, since, until }: DeadLetterFilter): boolean {
  return (
    (topic === undefined || letter.topic === topic) &&
    (group === undefined || letter.group === group) &&
    (key === undefined || letter.message.key === key) &&
    (since === undefined || letter.lastFailedAt >= since) &&
    (until === undefined || letter.lastFailedAt < until)
  );
}

/** The message as it was, but for the count of its returns. */
function original(message: Message): RecordInput {
  const kept = message.headerBytes.filter(
    ([name]) => !name.startsWith(DEAD_LETTER_PREFIX) && name !== REDRIVES_HEADER,
  );
  const redrives = Number(message.headers[REDRIVES_HEADER] ?? 0) + 1;
  return {
    key: message.keyBytes,
    value: message.valueBytes,
    headers: [
      ...kept.map(([name, value]) => ({ name: Buffer.from(name), value })),
      textHeader(REDRIVES_HEADER, String(redrives)),
    ],
    timestamp: Date.now(),
  };
}

/** A function that routes may look at the value, which is bytes here; where it sent the message once is as good. */
function partitionIn(target: Topic, { partition, topic, message }: DeadLetter): number | undefined {
  const isThere = target.name === topic && partition < target.partitionCount;
  const byKey = message.keyBytes !== null && target.describe().routing !== 'custom';
  return isThere && !byKey ? partition : undefined;
}
