import type {
  DeadLetterJson,
  GroupJson,
  GroupSummaryJson,
  OffsetJson,
  RedriveJson,
} from '../client/api.types.js';
import { printable, table, timeText } from '../output.js';

export function groupTable(groups: readonly GroupSummaryJson[]): string {
  return table(
    ['group', 'state', 'members', 'topics'],
    groups.map(({ group, state, member_count, topics }) => [
      printable(group),
      state,
      member_count,
      topics.map(printable).join(', '),
    ]),
  );
}

export function describeGroup({ group, state, member_count: members, lag, offsets }: GroupJson): string {
  const facts = `group ${printable(group)}: ${state}, ${members} member(s), lag ${lag}`;
  const rows = offsets.map((offset) => [
    printable(offset.topic),
    offset.partition,
    offset.committed ?? '-',
    offset.end_offset,
    offset.lag,
    printable(offset.member_id ?? '-'),
  ]);
  return `${facts}\n\n${table(['topic', 'partition', 'committed', 'end', 'lag', 'member'], rows)}`;
}

export function offsetTable(offsets: readonly OffsetJson[]): string {
  return table(
    ['topic', 'partition', 'offset'],
    offsets.map(({ topic, partition, offset }) => [printable(topic), partition, offset]),
  );
}

export function deadLetterTable(letters: readonly DeadLetterJson[]): string {
  return table(
    ['given up at', 'from', 'group', 'attempts', 'back', 'key', 'error', 'reason'],
    letters.map((letter) => [
      letter.last_failed_at === null ? '-' : timeText(letter.last_failed_at),
      `${printable(letter.topic)}/${letter.partition ?? '?'}@${letter.offset ?? '?'}`,
      printable(letter.group),
      letter.attempts ?? '?',
      letter.redriven ? 'yes' : 'no',
      printable(letter.message.key ?? letter.message.key_base64 ?? '-'),
      printable(letter.error),
      printable(letter.reason).slice(0, 100),
    ]),
  );
}

export function redriveText({ dry_run, redriven, skipped, problems }: RedriveJson): string {
  const lines = problems.map(
    ({ partition, offset, code, reason }) => `  ${partition}@${offset}: ${code}: ${printable(reason)}`,
  );
  if (skipped > problems.length) lines.push(`  and ${skipped - problems.length} more`);
  const what = `${redriven} message(s) ${dry_run ? 'would be ' : ''}put back, ${skipped} cannot be`;
  return [what, ...lines].join('\n');
}
