import { IS_SIZE } from './is-size.decorator.js';
import { has, type Rule } from './rules.js';
import { parseSize } from './size.js';

const BOOLEANS = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/**
 * Converts text, which is all an environment variable can hold, to the number, size or boolean that the rules ask for.
 * Text that cannot be converted stays as it is, so that validation refuses it and shows it as it was given.
 */
export function coerce(value: unknown, rules: readonly Rule[]): unknown {
  if (Array.isArray(value) && rules.some((rule) => rule.each)) {
    return value.map((item) => coerceText(item, rules));
  }
  return coerceText(value, rules);
}

function coerceText(value: unknown, rules: readonly Rule[]): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (has(rules, 'isInt', 'isNumber')) return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : value;
  if (has(rules, 'isBoolean')) return BOOLEANS.get(text.toLowerCase()) ?? value;
  if (has(rules, IS_SIZE)) return tryParseSize(text) ?? value;
  return value;
}

function tryParseSize(text: string): number | undefined {
  try {
    return parseSize(text);
  } catch {
    return undefined;
  }
}
