import { isError } from '@genrocks/storage';
import type { ErrorCode } from '../protocol/error-codes.js';
import { errorCodeOf } from './error-mapping.js';

/** Old versions have room for 32,767 bytes; nobody reads more than this. */
const MAX_CHARACTERS = 1_000;

/** An error of one item of a request, with words for people. */
export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export function refuse(errorCode: ErrorCode, errorMessage: string): Refusal {
  return { errorCode, errorMessage: shortened(errorMessage) };
}

/** What an error of topics or storage means to the client. */
export function refusalOf(error: unknown): Refusal {
  return { errorCode: errorCodeOf(error), errorMessage: isError(error) ? shortened(error.message) : null };
}

/** Words often say what was asked for, and a client may ask with names as long as it likes. */
function shortened(words: string): string {
  return words.length <= MAX_CHARACTERS ? words : `${words.slice(0, MAX_CHARACTERS)}...`;
}
