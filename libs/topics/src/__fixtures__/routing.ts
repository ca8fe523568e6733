import type { RecordInput } from '../records/batch-writer.js';
import type { RoutingTarget } from '../routing/sticky-turn.js';

/** This many open, idle partitions. */
export function idle(count: number): RoutingTarget[] {
  return Array.from({ length: count }, () => ({ state: 'open', writes: 0, isWriting: false }));
}

export function recordOf(key: Uint8Array | null): RecordInput {
  return { key, value: null, headers: [], timestamp: 0 };
}
