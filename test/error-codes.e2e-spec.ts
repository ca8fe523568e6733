import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { STATUS_OF_CODE } from '../apps/broker/src/http/problem.js';
import { collectErrorCodes } from './error-codes.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Row {
  readonly retriable: string;
  readonly status: string;
  readonly meaning: string;
  readonly remedy: string;
}

/** The rows of docs/errors.md. */
function documented(): Map<string, Row> {
  const text = readFileSync(`${ROOT}/docs/errors.md`, 'utf8');
  const rows = new Map<string, Row>();
  for (const [, code, rest] of text.matchAll(/^\| `([A-Z_]+)` +\|(.+)\|$/gm)) {
    const [retriable, status, meaning, remedy, ...more] = rest!.split('|').map((cell) => cell.trim());
    expect(more).toEqual([]);
    expect(rows.has(code!), `${code} stands there twice`).toBe(false);
    rows.set(code!, { retriable: retriable!, status: status!, meaning: meaning!, remedy: remedy! });
  }
  return rows;
}

describe('docs/errors.md', () => {
  const rows = documented();
  const raised = collectErrorCodes(ROOT);

  it('has every code that is raised, and no other', () => {
    const codes = new Set([...raised.keys(), ...Object.keys(STATUS_OF_CODE)]);
    expect(raised.size).toBeGreaterThan(70);
    expect([...rows.keys()].toSorted()).toEqual([...codes].toSorted());
  });

  it('says of each whether a retry may help, its HTTP status, its meaning, and what to do', () => {
    for (const [code, { retriable, status, meaning, remedy }] of rows) {
      const known = raised.get(code);
      if (known !== undefined)
        expect([code, retriable]).toEqual([code, known.size === 1 ? [...known][0] : 'depends']);
      expect([code, status]).toEqual([code, String(STATUS_OF_CODE[code] ?? '')]);
      expect(meaning, code).not.toBe('');
      expect(remedy, code).not.toBe('');
    }
  });
});
