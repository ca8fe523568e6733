import { TopicsError } from '../errors.js';

/** `INVALID_DEAD_LETTER`: what lies in the dead-letter topic cannot be put back as it is. It stays there. */
export class InvalidDeadLetterError extends TopicsError {
  constructor(reason: string) {
    super('INVALID_DEAD_LETTER', `the dead letter ${reason}`);
  }
}
