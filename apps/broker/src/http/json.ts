import { isUtf8 } from 'node:buffer';
import { InexactNumberError, InvalidJsonError } from './http.errors.js';

/**
 * Parses a body or a line as JSON without loss: bytes that are not UTF-8, integers that a double cannot represent and
 * numbers outside its range are refused instead of replaced by something similar. JSON that is nested too deeply is refused
 * too: the parser accepts it, but recursive code would overflow the stack.
 * @throws `INVALID_JSON`, `INEXACT_NUMBER`
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new InvalidJsonError('it is not UTF-8; send binary values as value_base64');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    throw new InvalidJsonError(error instanceof Error ? error.message : String(error));
  }
  if (isDeep(text)) throw new InvalidJsonError(`it is nested deeper than ${MAX_DEPTH} levels`);
  const inexact = findInexactNumber(text);
  if (inexact !== undefined) throw new InexactNumberError(inexact);
  return value;
}

/** Parses stored bytes as JSON; undefined if they are not JSON, or would not be shown exactly. */
export function tryParseJson(bytes: Buffer): { value: unknown } | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  try {
    const value = JSON.parse(text) as unknown;
    return isDeep(text) || findInexactNumber(text) !== undefined ? undefined : { value };
  } catch {
    return undefined;
  }
}

/** Deepest nesting of objects and arrays. */
export const MAX_DEPTH = 500;

/** Whether a valid JSON text is nested deeper than that. */
function isDeep(text: string): boolean {
  if (text.length <= 2 * MAX_DEPTH) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i);
    else if (char === OPEN_ARRAY || char === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) depth--;
  }
  return false;
}

const LONG_NUMBER = /\d{16}|[eE][-+]?\d{3}/;
const INTEGER = /^-?\d+$/;
const ZERO_LITERAL = /^-?[0.]+(?:[eE]|$)/;

/**
 * The first number literal of a valid JSON text that parsing changes: an integer becomes a nearby one, a number that is too
 * large becomes infinity (which would be written as `null`), one that is too small becomes 0. Rounding of fractions does
 * not count.
 */
export function findInexactNumber(text: string): string | undefined {
  if (!LONG_NUMBER.test(text)) return undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) {
      i = endOfString(text, i);
    } else if (char === MINUS || (char >= ZERO && char <= NINE)) {
      const end = endOfNumber(text, i);
      const literal = text.slice(i, end);
      if (isInexact(literal)) return literal;
      i = end - 1;
    }
  }
  return undefined;
}

function isInexact(literal: string): boolean {
  const number = Number(literal);
  if (!Number.isFinite(number)) return true;
  if (number === 0) return !ZERO_LITERAL.test(literal);
  return literal.length >= 16 && INTEGER.test(literal) && String(number) !== literal;
}

const QUOTE = 0x22;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === BACKSLASH) i++;
    else if (char === QUOTE) return i;
  }
  return text.length;
}

function endOfNumber(text: string, start: number): number {
  let i = start;
  while (i < text.length && '+-.eE0123456789'.includes(text[i]!)) i++;
  return i;
}
