// Holds what a suite did against what it is expected to do.
import { readFileSync } from 'node:fs';

export const PASS = 'pass';

/**
 * A committed list: every test of the suite by name, with `pass`, or the reason why it is left out.
 *
 * @param {URL} file
 * @returns {Map<string, string>}
 */
export function readExpectations(file) {
  return new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8'))));
}

/**
 * Tells every difference, and the sum.
 *
 * @param {Map<string, string>} expected
 * @param {Map<string, string>} results name to `pass` or anything else; tests that were left out are missing
 * @param {Iterable<string>} known every test the suite has
 * @returns {boolean} is all as expected?
 */
export function judge(expected, results, known) {
  const differences = [];
  const names = new Set(known);
  for (const name of names) {
    if (!expected.has(name)) differences.push(`${name}: not in the list of expectations`);
  }
  for (const [name, expectation] of expected) {
    const result = results.get(name);
    if (!names.has(name)) differences.push(`${name}: expected, but the suite has no such test`);
    else if (expectation === PASS && result !== PASS) differences.push(`${name}: ${result ?? 'was not run'}`);
    else if (expectation !== PASS && result === PASS) differences.push(`${name}: left out, but passes`);
  }
  for (const line of differences) console.log(`DIFFERENT  ${line}`);
  const passed = [...results.values()].filter((result) => result === PASS).length;
  const out = [...expected.values()].filter((expectation) => expectation !== PASS).length;
  console.log(`${passed} passed, ${out} left out with their reasons, ${differences.length} different`);
  return differences.length === 0;
}
