import type { Access, Right } from './access.js';

/** Grants rights to a user. Rights add up; everything that no right grants is refused. */
export interface KafkaRight {
  /** Names of topics; `*` matches any characters. */
  readonly topics?: readonly string[];
  /** Names of groups; `*` matches any characters. */
  readonly groups?: readonly string[];
  /** Whether the right covers the cluster too: `read` shows the configuration of brokers. Default false. */
  readonly cluster?: boolean;
  /**
   * On topics: `read` to fetch and to commit offsets, `write` to produce, `admin` to create, delete and configure. On
   * groups: `read` to join and to commit offsets, `admin` to delete.
   */
  readonly allow: readonly Right[];
}

type Pattern = (name: string) => boolean;

/** A user's rights, with patterns compiled once, since every request checks them. */
export class UserAccess implements Access {
  readonly mayWriteSomewhere: boolean;
  private readonly topics: readonly { readonly allow: ReadonlySet<Right>; readonly matches: Pattern }[];
  private readonly groups: readonly { readonly allow: ReadonlySet<Right>; readonly matches: Pattern }[];
  private readonly cluster_: ReadonlySet<Right>;

  constructor(rights: readonly KafkaRight[]) {
    const compile = (kind: 'topics' | 'groups') =>
      rights.flatMap(({ allow, [kind]: patterns = [] }) =>
        patterns.map((pattern) => ({ allow: new Set(allow), matches: toPattern(pattern) })),
      );
    this.topics = compile('topics');
    this.groups = compile('groups');
    this.cluster_ = new Set(rights.flatMap(({ cluster, allow }) => (cluster === true ? allow : [])));
    this.mayWriteSomewhere = this.topics.some(({ allow }) => allow.has('write'));
  }

  topic(right: Right | 'see', name: string): boolean {
    return this.topics.some(({ allow, matches }) => has(allow, right) && matches(name));
  }

  group(right: Right | 'see', name: string): boolean {
    return this.groups.some(({ allow, matches }) => has(allow, right) && matches(name));
  }

  cluster(right: Right | 'see'): boolean {
    return has(this.cluster_, right);
  }
}

function has(allow: ReadonlySet<Right>, right: Right | 'see'): boolean {
  return right === 'see' ? allow.size > 0 : allow.has(right);
}

/** Does not use regular expressions: a client could choose a name that makes one slow. */
function toPattern(pattern: string): Pattern {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return (name) => name === pattern;
  const tail = rest.pop()!;
  const least = head.length + tail.length;
  return (name) => {
    if (name.length < least || !name.startsWith(head) || !name.endsWith(tail)) return false;
    let at = head.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= name.length - tail.length;
  };
}
