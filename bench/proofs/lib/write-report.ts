import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PhaseResult } from './phase.js';

export interface ProofReport {
  readonly title: string;
  readonly command: string;
  readonly machine: Record<string, string | number>;
  readonly phases: readonly PhaseResult[];
  readonly verdict: readonly string[];
}

/** Writes `<name>.json` and `<name>.md`, and prints the latter. */
export function writeReport(directory: string, name: string, report: ProofReport): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
  const text = toMarkdown(report);
  writeFileSync(join(directory, `${name}.md`), text);
  console.log(text);
}

function toMarkdown({ title, command, machine, phases, verdict }: ProofReport): string {
  const lines = [`# ${title}`, '', `    ${command}`, ''];
  for (const [name, value] of Object.entries(machine)) lines.push(`- ${name}: ${value}`);
  for (const { phase, ...facts } of phases) {
    lines.push('', `## ${phase}`, '', '| | |', '| --- | ---: |');
    for (const [name, value] of Object.entries(facts)) {
      const shown = typeof value === 'number' ? Number(value.toFixed(2)).toLocaleString('en') : value;
      lines.push(`| ${name.replaceAll('_', ' ')} | ${shown} |`);
    }
  }
  lines.push('', ...verdict.map((line) => `- ${line}`));
  return `${lines.join('\n')}\n`;
}
