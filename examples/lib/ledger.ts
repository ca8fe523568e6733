import type { Receipt, ReceivedMessage } from './broker-client.js';
import { type Dataset, rowOf } from './datasets.js';

/** What the broker promised, recorded outside the broker: rows sent and rows acknowledged. */
export class Ledger {
  readonly acknowledged = new Set<number>();
  /** Rows that were sent at least once; those beyond `acknowledged` may or may not be stored. */
  attempted = 0;
  private readonly watchers: { rows: number; wake: () => void }[] = [];

  constructor(readonly dataset: Dataset) {}

  /** @throws if the receipt does not cover all rows sent */
  acknowledge(firstRow: number, count: number, receipt: Receipt): void {
    if (receipt.count !== count) throw new Error(`sent ${count} rows, the receipt is for ${receipt.count}`);
    for (let row = firstRow; row < firstRow + count; row++) this.acknowledged.add(row);
    for (const watcher of this.watchers) if (this.acknowledged.size >= watcher.rows) watcher.wake();
  }

  /** Resolves when this many rows are acknowledged. */
  async reached(rows: number): Promise<void> {
    if (this.acknowledged.size >= rows) return;
    await new Promise<void>((wake) => this.watchers.push({ rows, wake }));
  }
}

/** The result of an audit of everything stored. */
export interface Audit {
  readonly stored: number;
  /** Acknowledged rows that are not stored; must be 0. */
  readonly missing: number;
  /** Stored rows that nobody sent; must be 0. */
  readonly unknown: number;
  /** Rows stored more than once, because they were sent again after a crash. */
  readonly repeated: number;
  /** Keys whose rows are not in the order in which they were sent; must be 0. */
  readonly outOfOrder: number;
  /** Partitions whose offsets do not strictly increase; must be 0. */
  readonly badOffsets: number;
}

/** Compares everything stored, by partition in offset order, with the ledger. */
export function audit(ledger: Ledger, partitions: readonly (readonly ReceivedMessage[])[]): Audit {
  const seen = new Set<number>();
  const lastRowOfKey = new Map<string, number>();
  const outOfOrder = new Set<string>();
  let stored = 0;
  let unknown = 0;
  let badOffsets = 0;
  for (const messages of partitions) {
    if (messages.some(({ offset }, i) => i > 0 && offset <= messages[i - 1]!.offset)) badOffsets++;
    for (const message of messages) {
      stored++;
      const row = rowOf(message);
      if (!(row < ledger.attempted)) unknown++;
      // Repeated rows do not count: only the first appearance of each row must be in order.
      if (seen.has(row)) continue;
      seen.add(row);
      const key = message.key ?? '';
      if (row < (lastRowOfKey.get(key) ?? -1)) outOfOrder.add(key);
      lastRowOfKey.set(key, row);
    }
  }
  const missing = [...ledger.acknowledged].filter((row) => !seen.has(row)).length;
  const repeated = stored - seen.size;
  return { stored, missing, unknown, repeated, outOfOrder: outOfOrder.size, badOffsets };
}
