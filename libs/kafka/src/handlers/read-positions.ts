/** Partitions that are remembered of one connection; past that it begins anew, as if nothing had been read. */
const MAX_PARTITIONS = 10_000;

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
  private count = 0;

  /** Does the reader go on where it was in another topic of this name? True once: it is to look for a place in this one. */
  isOfAnother(name: string, topicId: string, index: number, offset: number): boolean {
    const known = this.topics.get(name)?.get(index);
    if (known === undefined) {
      this.add(name, index, { topicId, next: offset });
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

  private add(name: string, index: number, position: Position): void {
    if (this.count === MAX_PARTITIONS) {
      this.topics = new Map();
      this.count = 0;
    }
    const partitions = this.topics.get(name) ?? new Map<number, Position>();
    this.topics.set(name, partitions.set(index, position));
    this.count++;
  }
}
