import type { StartFrom } from '@genrocks/topics';
import { InvalidRequestError } from './http.errors.js';

export const PLACE_ALLOWED =
  'earliest, latest, an offset, or a time such as 2026-01-31T12:00:00Z (ISO 8601 with Z or an offset)';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Parses a position in a partition, as in requests and commands; undefined if it is invalid. */
export function parsePlace(text: string): StartFrom | undefined {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) };
  const timestamp = TIME.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(timestamp) ? undefined : { timestamp };
}

/** @throws {InvalidRequestError} naming the field */
export function requirePlace(field: string, text: string): StartFrom {
  const place = parsePlace(text);
  if (place !== undefined) return place;
  throw new InvalidRequestError([`${field}: ${JSON.stringify(text)} is not allowed; ${PLACE_ALLOWED}`]);
}
