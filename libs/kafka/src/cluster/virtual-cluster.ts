import type { ResolvedKafkaOptions } from '../options.js';
import type { Session } from '../server/request.types.js';

/** A broker as clients see it. */
export interface ClusterNode {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** The broker to which clients send administrative requests. Every broker would serve them. */
export const CONTROLLER_ID = 1;
/** The leader of a partition never changes. */
export const LEADER_EPOCH = 0;

/**
 * The brokers that clients see: one, or with `brokers: N` that many listeners over the same topics. The leader of a
 * partition and the coordinator of a group follow from their names alone, so they are the same after a restart.
 */
export class VirtualCluster {
  /** @param ports returns the port of each broker, in the order of their ids, once they listen */
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

  /** All brokers. The default address is the one through which the client connected, so the client can reach it. */
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

  /** The broker that leads a partition. The partitions of a topic are assigned to the brokers in turn. */
  leaderOf(topic: string, partition: number): number {
    return ((hashOf(topic) + partition) % this.size) + 1;
  }

  coordinatorOf(group: string): number {
    return (hashOf(group) % this.size) + 1;
  }
}

/** FNV-1a, to spread names evenly. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 1) ^ (hash >>> 17);
}
