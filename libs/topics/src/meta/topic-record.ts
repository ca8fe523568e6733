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
  /** `deleting`: its data is being removed; a start after a crash goes on with that. */
  readonly state: 'running' | 'stopped' | 'deleting';
  readonly createdAt: number;
}
