import { InvalidGroupError } from '../errors.js';

const MAX_GROUP_NAME_LENGTH = 255;

/**
 * Checks a group name.
 * @throws {InvalidGroupError} `INVALID_GROUP`
 */
export function assertGroupName(group: unknown, what = 'a group name'): asserts group is string {
  if (typeof group !== 'string' || group.length === 0 || group.length > MAX_GROUP_NAME_LENGTH) {
    throw new InvalidGroupError(`${what} must have 1 to ${MAX_GROUP_NAME_LENGTH} characters`);
  }
  // NUL separates the parts of a stored key; other control characters can only be a mistake.
  for (let i = 0; i < group.length; i++) {
    if (group.charCodeAt(i) < 0x20 || group.charCodeAt(i) === 0x7f) {
      throw new InvalidGroupError(`${what} must not contain control characters`);
    }
  }
}
