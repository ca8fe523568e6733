import type { ResolvedKafkaOptions } from '../options.js';
import type { Session } from '../server/request.types.js';

/** A broker as clients are told of it. */
export interface ClusterNode {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** The broker that clients are told to send administration to; every one would serve it. */
export const CONTROLLER_ID = 1;
/** Every partition is written by one leader that never changes. */
export const LEADER_EPOCH = 0;

/**
 * The brokers clients see: one, or with `brokers: N` as many listeners over the same topics. Which one leads a
 * partition and which one coordinates a group follows from the names alone, so it is the same after a restart.
 */
export class VirtualCluster {
  /** @param ports the port of each broker, in the order of their ids, known once they listen */
  constructor(
    private readonly options: Pick<ResolvedKafkaOptions, 'brokers' | 'advertisedHost' | 'advertisedPort'>,
    private readonly ports: () => readonly number[],
  ) {}

  get size(): number {
    return this.options.brokers;
  }

  get nodeIds(): number[] {
    return Array.from({ length: this.size }, (_, i) => i + 1);
  }

  /** All brokers. By default at the address the client came through, which it can reach for certain. */
  nodes(session: Session): ClusterNode[] {
    return this.nodeIds.map((nodeId) => this.node(nodeId, session));
  }

  node(nodeId: number, session: Session): ClusterNode {
    const { advertisedHost, advertisedPort } = this.options;
    const at = nodeId - 1;
    return {
      nodeId,
      host: advertisedHost ?? session.localAddress,
      port: advertisedPort === undefined ? this.ports()[at]! : advertisedPort + at,
    };
  }

  /** The broker that leads a partition: those of a topic lie on one broker after the other. */
  leaderOf(topic: string, partition: number): number {
    return ((hashOf(topic) + partition) % this.size) + 1;
  }

  coordinatorOf(group: string): number {
    return (hashOf(group) % this.size) + 1;
  }
}

/** FNV-1a: spreads names, no more is asked of it. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 1) ^ (hash >>> 17);
}
