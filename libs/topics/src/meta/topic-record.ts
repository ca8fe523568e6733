import type { ResolvedDedupOptions } from '../dedup/dedup-options.js';
import type { Compression } from '../records/batch-header.js';
import type { RoutingName } from '../routing/router.js';

/** What the registry keeps of a topic. */
export interface TopicRecord {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly adapter: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly routing: RoutingName;
  readonly codec: string;
  /** Absent is `none`. */
  readonly compression?: Compression;
  /** Absent is 0. */
  readonly lingerMs?: number;
  /** Absent: message ids are carried only. */
  readonly dedup?: ResolvedDedupOptions | undefined;
  /** `deleting`: its data is being removed; a start after a crash goes on with that. */
  readonly state: 'running' | 'stopped' | 'deleting';
  readonly createdAt: number;
}
