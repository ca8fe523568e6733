/** A right on a topic or a group. Any right on it implies the right to `see` it. */
export type Right = 'read' | 'write' | 'admin';

/** The rights of the client behind a connection. */
export interface Access {
  topic(right: Right | 'see', name: string): boolean;
  group(right: Right | 'see', name: string): boolean;
  cluster(right: Right | 'see'): boolean;
  /** Whether the client may write to at least one topic. */
  readonly mayWriteSomewhere: boolean;
}

/** Without users, every client may do everything. */
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

/** The protocol's numbers of operations. A set of them is a bit mask. */
const READ = 3;
const WRITE = 4;
const CREATE = 5;
const DELETE = 6;
const ALTER = 7;
const DESCRIBE = 8;
const DESCRIBE_CONFIGS = 10;
const ALTER_CONFIGS = 11;
const IDEMPOTENT_WRITE = 12;

/** The operations that a client may perform on a topic, as the bit mask of the protocol. */
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
