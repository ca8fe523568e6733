import { ONE_LOG, OWN_FILES, SECTION as BASELINE } from './baseline.js';
import { SECTION as LIBRARY } from './library.js';
import type { Result } from './measure.js';

export interface Report {
  readonly command: string;
  readonly machine: Record<string, string | number>;
  readonly results: readonly Result[];
  readonly ratios: readonly { readonly name: string; readonly ratio: number }[];
}

/** How much group commit wins: durable publishes by 64 publishers against 64 that sync for themselves. */
export function ratiosOf(results: readonly Result[]): Report['ratios'] {
  const speed = (section: string, name: string, bytes: number) =>
    results.find(
      (one) => one.section === section && one.name === name && one.publishers === 64 && one.bytes === bytes,
    )!.perSecond;
  return [ONE_LOG, OWN_FILES].flatMap((baseline) =>
    [100, 1024].map((bytes) => ({
      name: `64 publishers, ${bytes} B: disk_log always against an fdatasync each (${baseline})`,
      ratio: speed(LIBRARY, 'disk_log always', bytes) / speed(BASELINE, baseline, bytes),
    })),
  );
}

export function toMarkdown({ command, machine, results, ratios }: Report): string {
  const lines = ['# Publishing: acknowledged messages a second', '', `    ${command}`, ''];
  for (const [name, value] of Object.entries(machine)) lines.push(`- ${name}: ${value}`);
  lines.push(
    '',
    'Median of the rounds, with the slowest and fastest round; latency from the call to its acknowledgement (over HTTP,',
    'of a request). Every publisher waits for its acknowledgement before it publishes again. Publishers, broker and',
    'client share the machine.',
  );
  for (const section of new Set(results.map((result) => result.section))) {
    lines.push('', `## ${section}`, '');
    lines.push('| | publishers | bytes | messages/s | slowest - fastest | p50 ms | p99 ms |');
    lines.push('| --- | ---: | ---: | ---: | ---: | ---: | ---: |');
    for (const result of results.filter((one) => one.section === section)) lines.push(toRow(result));
  }
  lines.push('', '## Group commit', '');
  for (const { name, ratio } of ratios) lines.push(`- ${name}: **${ratio.toFixed(1)} times**`);
  return `${lines.join('\n')}\n`;
}

function toRow({ name, publishers, bytes, perSecond, slowest, fastest, p50, p99 }: Result): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  const ms = (value: number) => (value < 0.1 ? value.toFixed(3) : value.toFixed(2));
  const cells = [
    name,
    publishers,
    bytes,
    whole(perSecond),
    `${whole(slowest)} - ${whole(fastest)}`,
    ms(p50),
    ms(p99),
  ];
  return `| ${cells.join(' | ')} |`;
}
