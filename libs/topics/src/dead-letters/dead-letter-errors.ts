import { TopicsError } from '../errors.js';

/** `INVALID_DEAD_LETTER`: the dead letter cannot be redriven as it is. It stays in its topic. */
export class InvalidDeadLetterError extends TopicsError {
  constructor(reason: string) {
    super('INVALID_DEAD_LETTER', `the dead letter ${reason}`);
  }
}
