import { isGenRocksError } from '@genrocks/storage';
import type { MessageJson, PageJson } from '../client/api.types.js';
import type { BrokerClient } from '../client/broker-client.js';
import { type RetryOptions, withRetries } from '../client/retry.js';

/** How far a partition was read. */
export interface Cursor {
  readonly partition: number;
  offset: number;
  /** Where to stop; Infinity waits for new messages. */
  readonly end: number;
}

/** Messages of one partition, in order. */
export interface MessagePage {
  readonly partition: number;
  readonly messages: readonly MessageJson[];
  /** The offset to read next. */
  readonly nextOffset: number;
}

export interface ReadPagesOptions extends RetryOptions {
  readonly topic: string;
  /** Called for offsets that retention or truncation dropped before they were read. */
  readonly onLost: (partition: number, from: number, to: number) => void;
}

/** Partitions read concurrently, unless reading follows new messages. */
const PARALLEL = 4;
const PAGE_MESSAGES = 1_000;
/** Bytes of all answers in flight together, and of one of them. */
const ALL_BYTES = 8 << 20;
const MAX_PAGE_BYTES = 1 << 20;
const MIN_PAGE_BYTES = 64 << 10;
/** How long the broker holds a read without messages, in milliseconds. */
const WAIT_MS = 10_000;

/** Reads partitions, each in order, until all are at their ends or the signal aborts. */
export async function* readPages(
  client: BrokerClient,
  cursors: readonly Cursor[],
  options: ReadPagesOptions,
): AsyncGenerator<MessagePage> {
  const queue = cursors.filter(({ offset, end }) => offset < end);
  const isLive = queue.some(({ end }) => end === Infinity);
  const parallel = isLive ? queue.length : PARALLEL;
  const maxBytes = Math.max(MIN_PAGE_BYTES, Math.min(MAX_PAGE_BYTES, Math.floor(ALL_BYTES / parallel)));
  const leaving = new AbortController();
  const signal = AbortSignal.any([options.signal, leaving.signal]);
  const reads = new Map<Cursor, Promise<{ cursor: Cursor; page: PageJson }>>();
  const begin = (cursor: Cursor) => {
    const read = () => readOne(client, cursor, maxBytes, { ...options, signal });
    reads.set(
      cursor,
      withRetries(read, { ...options, signal, forever: isLive }).then((page) => ({ cursor, page })),
    );
  };
  try {
    while (!signal.aborted) {
      while (reads.size < parallel && queue.length > 0) begin(queue.shift()!);
      if (reads.size === 0) return;
      const { cursor, page } = await Promise.race(reads.values());
      reads.delete(cursor);
      const messages = page.messages.filter(({ offset }) => offset < cursor.end);
      cursor.offset = page.next_offset;
      if (cursor.offset < cursor.end) queue.push(cursor);
      if (messages.length === 0) continue;
      const nextOffset = Math.min(page.next_offset, cursor.end);
      yield { partition: cursor.partition, messages, nextOffset };
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    leaving.abort();
    await Promise.allSettled(reads.values());
  }
}

async function readOne(
  client: BrokerClient,
  cursor: Cursor,
  maxBytes: number,
  { topic, onLost, signal }: ReadPagesOptions,
): Promise<PageJson> {
  const { partition } = cursor;
  const waitMs = cursor.end === Infinity ? WAIT_MS : 0;
  for (;;) {
    const { offset } = cursor;
    try {
      return await client.read(topic, partition, { offset, limit: PAGE_MESSAGES, maxBytes, waitMs, signal });
    } catch (error) {
      if (!isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) throw error;
      const { start_offset: start } = error.details as { start_offset?: number };
      if (start === undefined || start <= offset) throw error;
      onLost(partition, offset, start);
      cursor.offset = start;
    }
  }
}
