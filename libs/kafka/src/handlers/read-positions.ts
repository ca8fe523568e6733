import type { Session } from '../server/request.types.js';

/** Partitions remembered for all connections together: 30 MB if each is in a topic of its own with a long name. */
const MAX_PARTITIONS = 100_000;

interface Position {
  topicId: string;
  next: number;
}

/**
 * How far one connection has read in topics that it fetches by name.
 *
 * A topic that is deleted and created again has the same name. If the new one is long enough, a consumer would silently
 * continue in it at an offset of the old one. Such a consumer is recognized by its fetch offset: the one right after
 * what it was given from the old topic.
 */
export class ReadPositions {
  private topics = new Map<string, Map<number, Position>>();
  private partitions = 0;

  /** @param mayAdd whether there is room for one more partition */
  constructor(private readonly mayAdd: (of: ReadPositions) => boolean) {}

  /** Number of remembered partitions. */
  get count(): number {
    return this.partitions;
  }

  /** Whether the reader continues at its position in an earlier topic of this name. True only once per new topic. */
  isOfAnother(name: string, topicId: string, index: number, offset: number): boolean {
    const known = this.topics.get(name)?.get(index);
    if (known === undefined) {
      if (this.mayAdd(this)) this.add(name, index, { topicId, next: offset });
      return false;
    }
    if (known.topicId === topicId) return false;
    known.topicId = topicId;
    return known.next === offset && offset > 0;
  }

  /** The connection was given everything before `next`. */
  moveTo(name: string, index: number, next: number): void {
    const known = this.topics.get(name)?.get(index);
    if (known !== undefined) known.next = next;
  }

  /** Forgets all positions, as if nothing had been read. */
  forget(): void {
    this.topics = new Map();
    this.partitions = 0;
  }

  private add(name: string, index: number, position: Position): void {
    const partitions = this.topics.get(name) ?? new Map<number, Position>();
    this.topics.set(name, partitions.set(index, position));
    this.partitions++;
  }
}

/** The positions of all connections, with a limit on their total memory. */
export class AllReadPositions {
  private readonly bySession = new Map<Session, ReadPositions>();
  private count = 0;

  /** @param limit most partitions in total; beyond it, the connection with the most is forgotten */
  constructor(private readonly limit = MAX_PARTITIONS) {}

  /** @param gone aborts when the connection ends; its positions are then forgotten */
  of(session: Session, gone: AbortSignal): ReadPositions {
    const known = this.bySession.get(session);
    if (known !== undefined) return known;
    const positions = new ReadPositions((of) => this.mayAdd(session, of));
    if (gone.aborted) return positions;
    this.bySession.set(session, positions);
    const forget = () => {
      this.bySession.delete(session);
      this.count -= positions.count;
      positions.forget();
    };
    gone.addEventListener('abort', forget, { once: true });
    return positions;
  }

  private mayAdd(session: Session, positions: ReadPositions): boolean {
    // A poll may still run after its connection is gone.
    if (this.bySession.get(session) !== positions) return false;
    if (this.count === this.limit) this.forgetMost();
    this.count++;
    return true;
  }

  private forgetMost(): void {
    let most: ReadPositions | undefined;
    for (const one of this.bySession.values()) if (one.count > (most?.count ?? 0)) most = one;
    this.count -= most?.count ?? 0;
    most?.forget();
  }
}
