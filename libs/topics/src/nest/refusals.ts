import { HttpException } from '@nestjs/common';
import type { RetryOptions } from '../groups/group.types.js';

/** HTTP statuses of errors with which pipes refuse a value. */
const REFUSED = [400, 422];

/** Does not retry a message that a pipe refused, unless `retryIf` of the options decides otherwise. */
export function withRefusals(retry: RetryOptions = {}): RetryOptions {
  return {
    retryIf: (error) => !(error instanceof HttpException && REFUSED.includes(error.getStatus())),
    ...retry,
  };
}
