import type { ErrorCode } from '../protocol/error-codes.js';

/** An error of one item of a request, with words for people. */
export interface Refusal {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

export function refuse(errorCode: ErrorCode, errorMessage: string): Refusal {
  return { errorCode, errorMessage };
}
