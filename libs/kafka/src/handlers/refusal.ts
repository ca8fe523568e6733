import { isError } from '@genrocks/storage';
import type { ErrorCode } from '../protocol/error-codes.js';
import { errorCodeOf } from './error-mapping.js';

/** Longest error message. Old protocol versions have room for 32,767 bytes. */
const MAX_CHARACTERS = 1_000;

/** The error of one item of a request, with a message for people. */
export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export function refuse(errorCode: ErrorCode, errorMessage: string): Refusal {
  return { errorCode, errorMessage: shortened(errorMessage) };
}

/** The refusal for an error of topics or storage. */
export function refusalOf(error: unknown): Refusal {
  return { errorCode: errorCodeOf(error), errorMessage: isError(error) ? shortened(error.message) : null };
}

/** Messages often quote the request, whose names may have any length. */
function shortened(words: string): string {
  return words.length <= MAX_CHARACTERS ? words : `${words.slice(0, MAX_CHARACTERS)}...`;
}
