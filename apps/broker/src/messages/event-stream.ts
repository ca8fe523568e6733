import { isGenRocksError } from '@genrocks/storage';
import { type Message, type Partition, type ReadMessagesResult, TopicStoppedError } from '@genrocks/topics';
import { waitForAnyData } from '@genrocks/topics/listener';
import { viewMessage } from './message.view.js';

export interface EventStreamOptions {
  /** A comment is sent after this long without an event, in milliseconds. */
  readonly heartbeatMs: number;
  /** Ends the stream: the client is gone or the broker stops. */
  readonly signal: AbortSignal;
  /** Called with messages as they are sent. */
  readonly onMessages?: (messages: readonly Message[]) => void;
}

/** Most messages and bytes read from one partition before the next one gets its turn. */
const PAGE_MESSAGES = 100;
const PAGE_BYTES = 64 * 1024;

interface Cursor {
  readonly partition: Partition;
  offset: number;
}

/**
 * Streams the messages of some partitions as server-sent events, starting at the given offsets and no faster than the
 * client reads. If retention dropped the next messages, the stream sends a `lost` event and continues at the earliest
 * retained message. A failure ends the stream with an `error` event.
 */
export async function* eventStream(cursors: Cursor[], options: EventStreamOptions): AsyncGenerator<string> {
  yield 'retry: 1000\n: connected\n\n';
  while (!options.signal.aborted) {
    let idle = true;
    for (const cursor of cursors) {
      const text = await nextEvents(cursor, options);
      if (text === '') continue;
      idle = false;
      yield text;
      if (options.signal.aborted) return;
    }
    if (idle && !(await waitForAnyData(cursors, { waitMs: options.heartbeatMs, signal: options.signal }))) {
      if (options.signal.aborted) return;
      yield ': heartbeat\n\n';
    }
  }
}

async function nextEvents(cursor: Cursor, options: EventStreamOptions): Promise<string> {
  const { partition } = cursor;
  // Waits on a closed partition end at once; without this check the stream would spin.
  if (partition.state !== 'open') throw new TopicStoppedError(partition.topic, partition.state);
  let lost = '';
  if (cursor.offset < partition.startOffset) {
    const gap = {
      topic: partition.topic,
      partition: partition.index,
      from: cursor.offset,
      to: partition.startOffset,
    };
    lost = `event: lost\ndata: ${JSON.stringify(gap)}\n\n`;
    cursor.offset = partition.startOffset;
  }
  if (cursor.offset >= partition.endOffset) return lost;
  const page = await readPage(cursor);
  // Retention overtook the read; the next iteration reports what was lost.
  if (page === undefined) return lost;
  cursor.offset = page.nextOffset;
  options.onMessages?.(page.messages);
  return lost + page.messages.map(toEvent).join('');
}

/** Undefined if the messages were dropped after the partition's start was checked. */
async function readPage({ partition, offset }: Cursor): Promise<ReadMessagesResult | undefined> {
  try {
    return await partition.readMessages({ offset, limit: PAGE_MESSAGES, maxBytes: PAGE_BYTES });
  } catch (error) {
    if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE') && partition.startOffset > offset) return undefined;
    throw error;
  }
}

function toEvent(message: Message): string {
  return `id: ${message.partition}:${message.offset}\ndata: ${JSON.stringify(viewMessage(message))}\n\n`;
}
