import type { Session } from '../server/request.types.js';

/** Partitions that are remembered of all connections together: 30 MB, where each is a topic with a long name. */
const MAX_PARTITIONS = 100_000;

interface Position {
  topicId: string;
  next: number;
}

/**
 * Where one connection has read up to in topics that it asks for by name. One that is deleted and created again has the
 * same name, and where it is long enough a consumer would go on in it at an offset of the old one. It gives itself away by
 * asking for what comes right after what it was given of another topic.
 */
export class ReadPositions {
  private topics = new Map<string, Map<number, Position>>();
  private partitions = 0;

  /** @param mayAdd is there room for one more? */
  constructor(private readonly mayAdd: (of: ReadPositions) => boolean) {}

  /** How many partitions are remembered. */
  get count(): number {
    return this.partitions;
  }

  /** Does the reader go on where it was in another topic of this name? True once: it is to look for a place in this one. */
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

  /** It was given what lies before `next`. */
  moveTo(name: string, index: number, next: number): void {
    const known = this.topics.get(name)?.get(index);
    if (known !== undefined) known.next = next;
  }

  /** Begins anew, as if nothing had been read. */
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

/** The positions of all connections, which take no more memory together than the limit says. */
export class AllReadPositions {
  private readonly bySession = new Map<Session, ReadPositions>();
  private count = 0;

  /** @param limit past it whoever remembers the most begins anew */
  constructor(private readonly limit = MAX_PARTITIONS) {}

  /** @param gone aborts when the connection ends, and what is remembered of it with it */
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
    // A poll of a connection that is gone is still to end.
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
