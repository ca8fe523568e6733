/** What somebody may do with a topic or a group. Whoever may do anything with it may also `see` it. */
export type Right = 'read' | 'write' | 'admin';

/** What the client behind a connection may do. */
export interface Access {
  topic(right: Right | 'see', name: string): boolean;
  group(right: Right | 'see', name: string): boolean;
  cluster(right: Right | 'see'): boolean;
  /** Is there any topic the client may write to? */
  readonly mayWriteSomewhere: boolean;
}

/** Where there are no users, everybody may do everything. */
export const FULL_ACCESS: Access = {
  topic: () => true,
  group: () => true,
  cluster: () => true,
  mayWriteSomewhere: true,
};

export const NO_ACCESS: Access = {
  topic: () => false,
  group: () => false,
  cluster: () => false,
  mayWriteSomewhere: false,
};

/** The protocol's numbers for operations; a set of them is a number with a bit for each. */
const READ = 3;
const WRITE = 4;
const CREATE = 5;
const DELETE = 6;
const ALTER = 7;
const DESCRIBE = 8;
const DESCRIBE_CONFIGS = 10;
const ALTER_CONFIGS = 11;
const IDEMPOTENT_WRITE = 12;

/** What the client may do with a topic, as answers say it. */
export function topicOperations(access: Access, name: string): number {
  return bits([
    [access.topic('read', name), [READ]],
    [access.topic('write', name), [WRITE]],
    [access.topic('admin', name), [CREATE, DELETE, ALTER, ALTER_CONFIGS]],
    [access.topic('see', name), [DESCRIBE, DESCRIBE_CONFIGS]],
  ]);
}

export function groupOperations(access: Access, name: string): number {
  return bits([
    [access.group('read', name), [READ]],
    [access.group('admin', name), [DELETE]],
    [access.group('see', name), [DESCRIBE]],
  ]);
}

export function clusterOperations(access: Access): number {
  return bits([
    [access.cluster('see'), [DESCRIBE, DESCRIBE_CONFIGS]],
    [access.cluster('admin'), [CREATE, ALTER, ALTER_CONFIGS]],
    [access.mayWriteSomewhere, [IDEMPOTENT_WRITE]],
  ]);
}

function bits(allowed: readonly (readonly [boolean, readonly number[]])[]): number {
  let set = 0;
  for (const [isAllowed, operations] of allowed) {
    if (isAllowed) for (const operation of operations) set |= 1 << operation;
  }
  return set;
}
