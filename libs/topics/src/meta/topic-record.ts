import type { ResolvedDedupOptions } from '../dedup/dedup-options.js';
import type { Compression } from '../records/batch-header.js';
import type { RoutingName } from '../routing/router.js';

/** A topic as the registry stores it. */
export interface TopicRecord {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly adapter: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly routing: RoutingName;
  readonly codec: string;
  /** Absent means `none`. */
  readonly compression?: Compression;
  /** Absent means 0. */
  readonly lingerMs?: number;
  /** Absent means no deduplication: message ids are only stored with their messages. */
  readonly dedup?: ResolvedDedupOptions | undefined;
  /** `deleting`: the topic's data is being removed. A start after a crash continues the removal. */
  readonly state: 'running' | 'stopped' | 'deleting';
  readonly createdAt: number;
}
