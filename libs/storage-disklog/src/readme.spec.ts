import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { toSnakeCase } from '@genrocks/storage/config';
import { expect, it } from 'vitest';
import { readLine } from './format/line.js';
import { DISK_LOG_ENV } from './index.js';

const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

it('has every option with its name in YAML and its variable', () => {
  const rows = [...readme.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| `(GENROCKS_\w+)` +\|/gm)];
  const expected = Object.entries(DISK_LOG_ENV).map(([name, variable]) => [
    name,
    toSnakeCase(name),
    variable,
  ]);
  expect(rows.map(([, ...names]) => names).toSorted()).toEqual(expected.toSorted());
});

it('shows JSON lines whose seals are right', () => {
  const [, sample] = /```\n(\{"key"[^`]+)```/.exec(readme)!;
  let position = Number(/stand at positions (\d+) and/.exec(readme)![1]);
  const lines = sample!.split(/(?<=\n)/);
  expect(lines).toHaveLength(2);
  for (const line of lines) {
    expect(readme).toContain(`${position}`);
    expect(readLine(Buffer.from(line), position)).toMatchObject({ trailer: { synced: position } });
    position += line.length;
  }
});
