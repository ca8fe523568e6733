import type { TopicsService } from '@genrocks/topics';

export async function readEverything(topics: TopicsService, signal: AbortSignal): Promise<unknown[]> {
  const seen: unknown[] = [];
  const partition = topics.topic('orders').partition(0);
  for (let offset = partition.startOffset; !signal.aborted;) {
    const read = await partition.readMessages({ offset, limit: 500, waitMs: 30_000, signal });
    seen.push(...read.messages.map(({ value }) => value));
    offset = read.nextOffset;
  }
  return seen;
}
