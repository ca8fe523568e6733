import { expect } from 'vitest';

/** What the child tells, as it tells it. */
export type Fact =
  | ['start', partition: number, committed: number, startOffset: number, endOffset: number]
  | ['try', publisher: number, seq: number]
  | ['ack', publisher: number, seq: number, partition: number, offset: number]
  | ['see', partition: number, offset: number, publisher: number, seq: number]
  | ['commit', partition: number, offset: number]
  | ['stored', partition: number, offset: number, publisher: number, seq: number, key: string]
  | ['drained'];

interface PartitionLedger {
  /** Highest offset told as committed. */
  committed: number;
  /** Highest offset a handler has seen, plus one: nothing beyond may ever be committed. */
  handled: number;
  /** Where the group must begin, until its first message after a start. */
  resumeAt: number | undefined;
  readonly seen: Set<number>;
  readonly stored: { offset: number; publisher: number; seq: number; key: string }[];
}

/** Holds what a log says after each crash against what it promised before. */
export class CrashLedger {
  readonly attempted = new Set<string>();
  readonly acknowledged = new Map<string, { partition: number; offset: number }>();
  /** Next number of each publisher: never one that was tried before. */
  readonly next: number[];
  readonly partitions: PartitionLedger[];
  drained = false;
  private previous: number[];

  constructor(publishers: number, partitions: number) {
    this.next = new Array<number>(publishers).fill(0);
    this.previous = new Array<number>(partitions).fill(-1);
    this.partitions = Array.from({ length: partitions }, () => ({
      committed: 0,
      handled: 0,
      resumeAt: undefined,
      seen: new Set<number>(),
      stored: [],
    }));
  }

  record(fact: Fact): void {
    switch (fact[0]) {
      case 'try':
        this.attempted.add(id(fact[1], fact[2]));
        this.next[fact[1]] = Math.max(this.next[fact[1]]!, fact[2] + 1);
        break;
      case 'ack':
        this.acknowledged.set(id(fact[1], fact[2]), { partition: fact[3], offset: fact[4] });
        break;
      case 'commit':
        this.commit(fact[1], fact[2]);
        break;
      case 'start':
        this.start(fact[1], fact[2], fact[4]);
        break;
      case 'see':
        this.see(fact[1], fact[2], id(fact[3], fact[4]));
        break;
      case 'stored': {
        const [, partition, offset, publisher, seq, key] = fact;
        this.partitions[partition]!.stored.push({ offset, publisher, seq, key });
        break;
      }
      case 'drained':
        this.drained = true;
    }
  }

  /** Everything that must hold in the end. */
  judge(): void {
    const stored = new Map<string, { partition: number; offset: number }>();
    for (const [partition, { stored: messages, seen }] of this.partitions.entries()) {
      let last = -1;
      const lastOfKey = new Map<string, number>();
      for (const { offset, publisher, seq, key } of messages) {
        expect(offset, `offsets of partition ${partition} grow`).toBeGreaterThan(last);
        expect(seq, `order of ${key}`).toBeGreaterThan(lastOfKey.get(key) ?? -1);
        expect(seen.has(offset), `the group saw ${partition}:${offset}`).toBe(true);
        last = offset;
        lastOfKey.set(key, seq);
        stored.set(id(publisher, seq), { partition, offset });
      }
    }
    for (const [message, place] of this.acknowledged) {
      expect(stored.get(message), `acknowledged message ${message}`).toEqual(place);
    }
    const invented = [...stored.keys()].filter((message) => !this.attempted.has(message));
    expect(invented, 'stored, but never published').toEqual([]);
  }

  private commit(partition: number, offset: number): void {
    const ledger = this.partitions[partition]!;
    expect(offset, `commits of partition ${partition} grow`).toBeGreaterThanOrEqual(ledger.committed);
    expect(offset, `partition ${partition} commits what was handled`).toBeLessThanOrEqual(ledger.handled);
    ledger.committed = offset;
  }

  private start(partition: number, committed: number, endOffset: number): void {
    const ledger = this.partitions[partition]!;
    const highest = Math.max(
      -1,
      ...[...this.acknowledged.values()]
        .filter((ack) => ack.partition === partition)
        .map((ack) => ack.offset),
    );
    expect(endOffset, `partition ${partition} ends behind what was acknowledged`).toBeGreaterThan(highest);
    this.commit(partition, committed);
    ledger.resumeAt = committed;
    this.previous[partition] = -1;
  }

  private see(partition: number, offset: number, message: string): void {
    const ledger = this.partitions[partition]!;
    if (ledger.resumeAt !== undefined) {
      expect(offset, `partition ${partition} resumes at its committed offset`).toBe(ledger.resumeAt);
      ledger.resumeAt = undefined;
    }
    expect(offset, `deliveries of partition ${partition} keep their order`).toBeGreaterThan(
      this.previous[partition]!,
    );
    expect(this.attempted.has(message), `${message} was published`).toBe(true);
    this.previous[partition] = offset;
    ledger.seen.add(offset);
    ledger.handled = Math.max(ledger.handled, offset + 1);
  }
}

function id(publisher: number, seq: number): string {
  return `${publisher}#${seq}`;
}
