/** A message as it was handed to a handler. */
export interface Handed {
  readonly key: string;
  /** Counts up with every message that was published with the key. */
  readonly seq: number;
  /** By the clock all processes of the machine share, in microseconds. */
  readonly at: number;
}

/** What was promised to publishers, and what each group's handlers were given. */
export class SoakLedger {
  acknowledged = 0;
  handed = 0;
  /** Of every key: what was acknowledged since the last settlement. */
  private readonly promised = new Map<string, Set<number>>();
  private readonly groups = new Map<string, { deliveries: Handed[]; floors: Map<string, number> }>();

  constructor(groups: readonly string[]) {
    for (const group of groups) this.groups.set(group, { deliveries: [], floors: new Map() });
  }

  published(key: string, seq: number): void {
    this.acknowledged++;
    this.promised.set(key, (this.promised.get(key) ?? new Set()).add(seq));
  }

  delivered(group: string, handed: Handed): void {
    this.handed++;
    this.groups.get(group)!.deliveries.push(handed);
  }

  /** What was acknowledged and has not been handed to every group. */
  missing(): string[] {
    return [...this.groups].flatMap(([group, { deliveries }]) => {
      const seen = new Set(deliveries.map(({ key, seq }) => `${key}:${seq}`));
      return [...this.promised].flatMap(([key, seqs]) =>
        [...seqs].filter((seq) => !seen.has(`${key}:${seq}`)).map((seq) => `${group}: ${key}:${seq} is lost`),
      );
    });
  }

  /** Every message that was handed out for the first time after a later one of its key. */
  disorder(): string[] {
    return [...this.groups].flatMap(([group, { deliveries, floors }]) => {
      const problems: string[] = [];
      const seen = new Set<string>();
      const highest = new Map(floors);
      for (const { key, seq } of [...deliveries].sort((a, b) => a.at - b.at)) {
        const last = highest.get(key) ?? -1;
        if (seq > last) highest.set(key, seq);
        else if (seq > (floors.get(key) ?? -1) && !seen.has(`${key}:${seq}`)) {
          problems.push(`${group}: ${key}:${seq} came after ${key}:${last}`);
        }
        seen.add(`${key}:${seq}`);
      }
      return problems;
    });
  }

  /** Everything up to here is settled: both groups have all there is. Forgets it. */
  settle(): void {
    this.promised.clear();
    for (const group of this.groups.values()) {
      for (const { key, seq } of group.deliveries) {
        group.floors.set(key, Math.max(seq, group.floors.get(key) ?? -1));
      }
      group.deliveries = [];
    }
  }
}
