import { HttpException } from '@nestjs/common';
import type { RetryOptions } from '../groups/group.types.js';

/** Statuses with which pipes refuse what they are given. */
const REFUSED = [400, 422];

/** Where a pipe has refused a message another try is in vain, unless the options say otherwise. */
export function withRefusals(retry: RetryOptions = {}): RetryOptions {
  return {
    retryIf: (error) => !(error instanceof HttpException && REFUSED.includes(error.getStatus())),
    ...retry,
  };
}
