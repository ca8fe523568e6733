import type { TopicJson } from '../client/api.types.js';
import { printable, table, timeText } from '../output.js';

/** Offsets between start and end of all partitions; failed batches leave gaps, so there may be fewer messages. */
export function messagesIn({ partitions }: TopicJson): number {
  return partitions.reduce((sum, { start_offset, end_offset }) => sum + end_offset - start_offset, 0);
}

export function topicTable(topics: readonly TopicJson[]): string {
  return table(
    ['topic', 'state', 'partitions', 'messages', 'adapter', 'durable'],
    topics.map((topic) => [
      printable(topic.name),
      topic.state,
      topic.partition_count,
      topic.state === 'running' ? messagesIn(topic) : '-',
      topic.adapter,
      topic.durable ? 'yes' : 'no',
    ]),
  );
}

function describePublishing({ compression, linger_ms, dedup }: TopicJson): string {
  const ids =
    dedup === undefined ? 'no dedup' : `dedup of ids for ${dedup.window_ms} ms, at most ${dedup.max_ids}`;
  return `compression ${compression}, linger ${linger_ms} ms, ${ids}`;
}

export function describeTopic(topic: TopicJson): string {
  const settings = Object.entries(topic.settings).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const facts = [
    `topic     ${printable(topic.name)}`,
    `id        ${topic.id}`,
    `state     ${topic.state}`,
    `storage   ${topic.adapter}${topic.durable ? '' : ' (not durable)'}${settings.map((one) => ` ${one}`).join('')}`,
    `routing   ${topic.routing}`,
    `publish   ${describePublishing(topic)}`,
    `created   ${timeText(topic.created_at)}`,
  ];
  if (topic.partitions.length === 0) return facts.join('\n');
  const partitions = table(
    ['partition', 'state', 'start', 'end', 'messages', 'bytes'],
    topic.partitions.map(({ partition, state, start_offset: start, end_offset: end, bytes }) => [
      partition,
      state,
      start,
      end,
      end - start,
      bytes ?? '-',
    ]),
  );
  const failures = topic.partitions.flatMap(({ partition, error }) =>
    error === undefined ? [] : [`partition ${partition}: ${error.code}: ${printable(error.message)}`],
  );
  return [...facts, '', partitions, ...failures].join('\n');
}
